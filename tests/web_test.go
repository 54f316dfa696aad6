package tests

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// startWeb runs stevedore web and returns the page's address and the relay's token.
func startWeb(t *testing.T, flags ...string) (base, token string) {
	t.Helper()
	cmd := exec.Command(artifact(t, "stevedore"), append([]string{"web", "--json", "--listen", "127.0.0.1:0"}, flags...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), "an interrupt is how it ends")
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var said struct{ URL string }
	require.NoError(t, json.Unmarshal([]byte(line), &said))
	base, token, ok := strings.Cut(said.URL, "/#relay=")
	require.True(t, ok, said.URL)
	return base, token
}

// plainRegistry serves the bundled image on the loopback and returns host:port.
func plainRegistry(t *testing.T) string {
	t.Helper()
	dir, err := osfs.Host{}.OpenDir(t.Context(), absolute(t, harbor))
	require.NoError(t, err)
	src, err := layout.Open(t.Context(), dir, "oci:harbor")
	require.NoError(t, err)
	s := httptest.NewServer(nethttp.Handler(serve.New(serve.Options{Source: src})))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestWeb: the command serves the page, and a relay that reaches what was named and refuses the rest.
func TestWeb(t *testing.T) {
	registry, other := plainRegistry(t), plainRegistry(t)
	base, token := startWeb(t, "--allow-registry", registry)
	get := func(path string, header ...string) (*http.Response, string) {
		req, err := http.NewRequest("GET", base+path, nil)
		require.NoError(t, err)
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			req.Header.Set(name, value)
			if name == "Host" {
				req.Host = value
			}
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res, string(b)
	}
	res, body := get("/")
	require.Equal(t, 200, res.StatusCode)
	require.Contains(t, body, "Stevedore")
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "http://"+registry)
	require.NotContains(t, body, token)
	res, _ = get("/", "Host: evil.example")
	require.Equal(t, 421, res.StatusCode)

	page := []string{"Sec-Fetch-Site: same-origin", "X-Stevedore-Relay: " + token}
	at := func(host string) string { return "/relay/http/" + host + "/v2/any/name/manifests/latest" }
	want, err := http.Get("http://" + registry + "/v2/any/name/manifests/latest")
	require.NoError(t, err)
	defer want.Body.Close()
	raw, err := io.ReadAll(want.Body)
	require.NoError(t, err)
	res, body = get(at(registry), page...)
	require.Equal(t, want.StatusCode, res.StatusCode)
	require.Equal(t, string(raw), body)
	require.Equal(t, want.Header.Get("Docker-Content-Digest"), res.Header.Get("Docker-Content-Digest"))

	res, body = get(at(other), page...)
	require.Equal(t, 403, res.StatusCode, "nobody named it")
	require.Contains(t, body, "--allow-registry")
	res, _ = get(at(registry), page[0])
	require.Equal(t, 403, res.StatusCode, "without the token")
	res, _ = get(at(registry), "Sec-Fetch-Site: cross-site", page[1])
	require.Equal(t, 403, res.StatusCode, "of another site's page")
}

// privateRegistry serves the bundled image to those who have a token, and its blobs from another place.
func privateRegistry(t *testing.T) (registry string, hosts []string) {
	t.Helper()
	dir, err := osfs.Host{}.OpenDir(t.Context(), absolute(t, harbor))
	require.NoError(t, err)
	src, err := layout.Open(t.Context(), dir, "oci:harbor")
	require.NoError(t, err)
	open := nethttp.Handler(serve.New(serve.Options{Source: src}))
	start := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		hosts = append(hosts, s.Listener.Addr().String())
		return s.Listener.Addr().String()
	}
	store := start(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		open.ServeHTTP(w, r)
	})
	auth := start(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "pw" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"token":"ours"}`)
	})
	registry = start(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer ours":
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+auth+`/token",service="reg",scope="repository:harbor:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, "http://"+store+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			open.ServeHTTP(w, r)
		}
	})
	return registry, hosts
}

// TestRelays: the same image, read by the reactor in Node through each relay and by the native program without one.
func TestRelays(t *testing.T) {
	registry, hosts := privateRegistry(t)
	ref := registry + "/harbor:latest"
	var want []string
	for _, verb := range []string{"inspect", "files"} {
		out := output(t, "", artifact(t, "stevedore"), verb, "--json", "--creds", "me:pw", "--platform", "linux/amd64", ref)
		want = append(want, out...)
	}
	var flags []string
	for _, h := range hosts {
		flags = append(flags, "--allow-registry", h)
	}
	web, token := startWeb(t, flags...)
	edge := worker(t, "../examples/edge-relay/workerd.capnp", "ORIGINS="+edgeOrigin, "TOKEN="+edgeToken, "SEAL=0123456789abcdef",
		"ALLOW=http://"+strings.Join(hosts, ",http://"))
	for name, c := range map[string]map[string]any{
		"loopback": {"base": web + "/relay/", "token": token, "header": map[string]string{"Sec-Fetch-Site": "same-origin"}},
		"edge":     {"base": edge + "/relay/", "token": edgeToken, "header": map[string]string{"Origin": edgeOrigin}},
	} {
		t.Run(name, func(t *testing.T) {
			c["ref"], c["credential"] = ref, map[string]string{"username": "me", "password": "pw"}
			got := output(t, "", tool(t, "node"), absolute(t, "jsrun/relay.mjs"), artifact(t, "stevedore.wasm"), string(encode(t, c)))
			require.Equal(t, want, got)
		})
	}
}

// TestWebBrowser: a real browser says of its own accord what the relay asks for, and keeps strangers out.
func TestWebBrowser(t *testing.T) {
	registry := plainRegistry(t)
	base, token := startWeb(t, "--allow-registry", registry)
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>another site</title>")
	}))
	defer stranger.Close()
	args := map[string]string{"base": base, "token": token, "path": "/relay/http/" + registry + "/v2/", "other": stranger.URL}
	lines := output(t, "", tool(t, "node"), absolute(t, "jsrun/web.mjs"), tool(t, "chromium"), string(encode(t, args)))
	type answer struct {
		Status          int
		By, Text, Error string
	}
	var got struct {
		Own, Stranger answer
		Inline        bool
		Typed         int
		Simple        string
	}
	require.NoError(t, json.Unmarshal([]byte(strings.Join(lines, "\n")), &got))
	require.Equal(t, answer{Status: 200, By: "answer", Text: "{}"}, got.Own)
	require.False(t, got.Inline, "an inline script ran")
	require.Equal(t, 403, got.Typed)
	require.Equal(t, answer{Error: "TypeError"}, got.Stranger)
	require.Equal(t, "TypeError", got.Simple, "Cross-Origin-Resource-Policy")
}
