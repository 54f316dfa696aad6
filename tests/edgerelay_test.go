package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// outside is what the relay at the edge can reach in its test: a registry that wants a token, its token server, and the store
// that it redirects blobs to, which also does what it should not.
type outside struct {
	registry, auth, store string // host:port
	mu                    sync.Mutex
	seen                  []*http.Request
}

const edgeDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func newOutside(t *testing.T) *outside {
	o := &outside{}
	start := func(h http.HandlerFunc) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			o.mu.Lock()
			o.seen = append(o.seen, r)
			o.mu.Unlock()
			h(w, r)
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	o.auth = start(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/token", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, `{"token":"t"}`)
	})
	o.store = start(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+o.auth+`/stolen"`)
		if r.URL.Path == "/who" {
			w.WriteHeader(401)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 5<<20))
	})
	o.registry = start(o.serveRegistry)
	return o
}

func (o *outside) serveRegistry(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Set-Cookie", "a=b")
	h.Set("Docker-Content-Digest", edgeDigest)
	h.Set("Location", "/x")
	switch name := strings.Split(r.URL.Path, "/")[2]; name {
	case "":
		h.Set("WWW-Authenticate", `Basic realm="x", Bearer realm="http://`+o.auth+`/token",service="reg, \"one\"",scope="repository:a:pull"`)
		w.WriteHeader(401)
	case "moved":
		h.Set("WWW-Authenticate", `Bearer realm="http://`+o.auth+`/moved"`)
		w.WriteHeader(401)
	case "blob", "who":
		http.Redirect(w, r, "http://"+o.store+"/"+name, http.StatusTemporaryRedirect)
	case "away":
		http.Redirect(w, r, "http://localhost:1/", http.StatusTemporaryRedirect)
	case "loop":
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	case "large":
		_, _ = io.WriteString(w, strings.Repeat("x", 4<<20+1))
	case "announced":
		h.Set("Content-Length", "4194305")
		_, _ = io.WriteString(w, strings.Repeat("x", 4<<20+1))
	case "failing":
		w.WriteHeader(500)
		_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
	default:
		_, _ = io.WriteString(w, "hello")
	}
}

func (o *outside) last() *http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[len(o.seen)-1]
}

func (o *outside) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen)
}

const (
	edgeOrigin = "https://images.example"
	edgeToken  = "let me in"
)

// edgeRelay runs examples/edge-relay and returns a function that asks it as the page does; a header without a value is left out.
func edgeRelay(t *testing.T, o *outside) func(method, path string, header ...string) (*http.Response, string) {
	base := worker(t, "../examples/edge-relay/workerd.capnp", "ORIGINS="+edgeOrigin, "TOKEN="+edgeToken, "SEAL=0123456789abcdef",
		fmt.Sprintf("ALLOW=http://%s, http://%s ,http://%s,*.store.example", o.registry, o.auth, o.store))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(method, path string, header ...string) (*http.Response, string) {
		req, err := http.NewRequest(method, base+path, nil)
		require.NoError(t, err)
		for _, line := range append([]string{"Origin: " + edgeOrigin, "X-Stevedore-Relay: " + edgeToken}, header...) {
			name, value, _ := strings.Cut(line, ": ")
			req.Header.Del(name)
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		res, err := client.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			b = append(b, "; broken"...)
		}
		return res, string(b)
	}
}

func TestEdgeRelay(t *testing.T) {
	o := newOutside(t)
	ask := edgeRelay(t, o)
	base := "/relay/http/" + o.registry + "/v2/"
	res, body := ask("GET", base+"a/b/manifests/1.0?x=%2F", "Cookie: a=b", "Authorization: Bearer t", "Referer: https://images.example/", "Range: bytes=0-", "X-Other: 1")
	require.Equal(t, 200, res.StatusCode, body)
	require.Equal(t, "hello", body)
	require.Equal(t, "answer", res.Header.Get("X-Stevedore-Relay"))
	require.Equal(t, "http://"+o.registry+"/v2/a/b/manifests/1.0?x=%2F", res.Header.Get("X-Stevedore-Url"))
	require.Equal(t, edgeDigest, res.Header.Get("Docker-Content-Digest"))
	require.Equal(t, edgeOrigin, res.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, res.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate")
	for _, name := range []string{"Set-Cookie", "Location"} {
		require.Empty(t, res.Header.Get(name), name)
	}
	require.Equal(t, "/v2/a/b/manifests/1.0?x=%2F", o.last().RequestURI)
	require.Equal(t, "Bearer t", o.last().Header.Get("Authorization"))
	require.Equal(t, "bytes=0-", o.last().Header.Get("Range"))
	for _, name := range []string{"Cookie", "Referer", "Origin", "X-Other", "X-Stevedore-Relay"} {
		require.Empty(t, o.last().Header.Get(name), name)
	}
	require.NotContains(t, fmt.Sprint(o.last().Header), edgeToken)

	res, body = ask("HEAD", base+"a/manifests/1")
	require.Equal(t, 200, res.StatusCode)
	require.Empty(t, body)
	res, body = ask("GET", base+"blob/blobs/"+edgeDigest, "Authorization: Bearer t")
	require.Equal(t, 200, res.StatusCode)
	require.Len(t, body, 5<<20, "a blob has any size")
	require.Equal(t, "http://"+o.store+"/blob", res.Header.Get("X-Stevedore-Url"))
	require.Empty(t, o.last().Header.Get("Authorization"))
	res, body = ask("GET", base+"failing/manifests/1")
	require.Equal(t, 500, res.StatusCode)
	require.Len(t, body, 64<<10)

	res, _ = ask("OPTIONS", base, "X-Stevedore-Relay: ")
	require.Equal(t, 204, res.StatusCode)
	require.Contains(t, res.Header.Get("Access-Control-Allow-Headers"), "X-Stevedore-Relay")
	res, _ = ask("OPTIONS", base, "Origin: https://evil.example")
	require.Empty(t, res.Header.Get("Access-Control-Allow-Origin"))
	res, _ = ask("GET", base+"a/manifests/1", "Origin: ", "Sec-Fetch-Site: same-origin")
	require.Equal(t, 200, res.StatusCode, "the relay's own page")
}

func TestEdgeRelayTokens(t *testing.T) {
	o := newOutside(t)
	ask := edgeRelay(t, o)
	res, _ := ask("GET", "/relay/http/"+o.registry+"/v2/")
	require.Equal(t, 401, res.StatusCode)
	seal := "X-Stevedore-Realm: " + res.Header.Get("X-Stevedore-Realm")
	at, service := "/relay/http/"+o.auth, "service=reg%2C+%22one%22"
	res, body := ask("GET", at+"/token?account=me&scope=repository%3Aa%3Apull&"+service, seal, "Authorization: Basic eDp5")
	require.Equal(t, 200, res.StatusCode, body)
	require.Equal(t, `{"token":"t"}`, body)
	require.Equal(t, "Basic eDp5", o.last().Header.Get("Authorization"))

	before := o.count()
	for _, c := range []struct{ path, seal string }{
		{"/token?" + service, ""}, {"/token?" + service, "X-Stevedore-Realm: e30.e30"}, {"/token?" + service, strings.Replace(seal, ": ", ": x", 1)},
		{"/admin?" + service, seal}, {"/token/x?" + service, seal}, {"/token", seal}, {"/token?service=other", seal}, {"/token?delete=1&" + service, seal},
		{"/token?service=other&" + service, seal},
	} {
		args := []string{}
		if c.seal != "" {
			args = append(args, c.seal)
		}
		requireRefused(t, ask, 403, "refused", "GET", at+c.path, args...)
	}
	requireRefused(t, ask, 403, "refused", "GET", "/relay/http/"+o.store+"/token?"+service, seal)
	requireRefused(t, ask, 405, "unsupported", "POST", at+"/token?"+service, seal)
	require.Equal(t, before, o.count(), "nobody was asked")

	res, _ = ask("GET", "/relay/http/"+o.registry+"/v2/who/blobs/"+edgeDigest)
	require.Equal(t, 401, res.StatusCode)
	require.Empty(t, res.Header.Get("X-Stevedore-Realm"), "another place's challenge announces nothing")
	res, _ = ask("GET", "/relay/http/"+o.registry+"/v2/moved/manifests/1")
	requireRefused(t, ask, 502, "refused", "GET", at+"/moved", "X-Stevedore-Realm: "+res.Header.Get("X-Stevedore-Realm"))
}

func requireRefused(t *testing.T, ask func(string, string, ...string) (*http.Response, string), status int, kind, method, path string, header ...string) {
	t.Helper()
	res, body := ask(method, path, header...)
	require.Equal(t, status, res.StatusCode, "%s %s: %s", method, path, body)
	require.Equal(t, "refused", res.Header.Get("X-Stevedore-Relay"))
	if method == "HEAD" {
		return
	}
	var b struct {
		Error struct{ Kind, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &b), body)
	require.Equal(t, kind, b.Error.Kind)
	require.NotEmpty(t, b.Error.Message)
}

func TestEdgeRelayRefusals(t *testing.T) {
	o := newOutside(t)
	ask := edgeRelay(t, o)
	good := "/relay/http/" + o.registry + "/v2/a/manifests/1"
	for _, header := range [][]string{
		{"Origin: https://evil.example"}, {"Origin: null"}, {"Origin: "}, {"Origin: ", "Sec-Fetch-Site: cross-site"}, {"Origin: ", "Sec-Fetch-Site: none"},
		{"X-Stevedore-Relay: "}, {"X-Stevedore-Relay: let me i"}, {"X-Stevedore-Relay: let me In"},
	} {
		requireRefused(t, ask, 403, "refused", "GET", good, header...)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		requireRefused(t, ask, 405, "unsupported", method, good)
	}
	port := o.registry[strings.LastIndex(o.registry, ":"):]
	for _, host := range []string{
		"https/" + o.registry, "http/registry.example", "http/localhost" + port, "http/127.0.0.1", "http/127.1" + port, "http/2130706433" + port,
		"http/0x7f.1" + port, "http/0177.0.0.1" + port, "http/[::ffff:127.0.0.1]" + port, "http/[::1]" + port, "https/store.example", "https/xstore.example",
		"https/a.store.example.evil.example", "http/a.store.example", "http/user@" + o.registry, "ftp/" + o.registry, "http/", "http/169.254.169.254",
	} {
		res, body := ask("GET", "/relay/"+host+"/v2/")
		require.Contains(t, []int{400, 403}, res.StatusCode, host+body)
	}
	for _, path := range []string{
		"", "/", "/v1/search", "/v2/a/b", "/v2/A/manifests/1", "/v2/a//b/manifests/1", "/v2/a/manifests/%2e%2e%2fx", "/v2/a%2fb/manifests/1", "/v2/a/blobs/uploads/",
		"/v2/a/blobs/sha256:abc", "/v2/a/manifests/.x", "/v2/../admin", `/v2/a\b/manifests/1`, "/v2/a/tags/other", "/v2/?" + strings.Repeat("n", 5000),
	} {
		res, body := ask("GET", "/relay/http/"+o.registry+path)
		require.Contains(t, []int{400, 403}, res.StatusCode, path+body)
	}
	require.Zero(t, o.count(), "nobody was asked")

	base := "/relay/http/" + o.registry + "/v2/"
	requireRefused(t, ask, 403, "refused", "GET", base+"away/blobs/"+edgeDigest)
	requireRefused(t, ask, 502, "network", "GET", base+"loop/blobs/"+edgeDigest)
	requireRefused(t, ask, 502, "refused", "GET", base+"announced/manifests/1")
	_, body := ask("GET", base+"large/manifests/1")
	require.True(t, strings.HasSuffix(body, "; broken"), "more bytes than were announced to be taken")
}
