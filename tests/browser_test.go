package tests

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// inPage runs a check of jsrun/checks.mjs in a page of Chromium, which has the files chosen. What the check returns goes
// into value; the result is the peak memory of the page's process, in bytes.
func inPage(t *testing.T, check string, args, value any, files ...string) int64 {
	t.Helper()
	artifact(t, "stevedore-js.wasm")
	argv := append([]string{absolute(t, "jsrun/page.mjs"), tool(t, "chromium"), absolute(t, "../bin"), check, string(encode(t, args))}, files...)
	lines := output(t, ".", tool(t, "node"), argv...)
	var got struct {
		Value json.RawMessage
		Peak  int64
	}
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &got))
	require.NoError(t, json.Unmarshal(got.Value, value), string(got.Value))
	return got.Peak
}

// wire is an error as a page sees it.
type wire struct{ Kind, Message, Hint string }

// tabLimit is what a page may hold for a file of any size, in bytes, the browser's own share included.
const tabLimit = 400 << 20

// TestLargeFileInPage reads a 1 GiB archive that a user chose.
func TestLargeFileInPage(t *testing.T) {
	const size = 1 << 30
	archive := filepath.Join(t.TempDir(), "large.tar")
	sparseArchive(t, archive, size)
	var got struct {
		Cancelled string
		Told      bool
		Beside    int
		Paths     []string
		Memory    int64
	}
	peak := inPage(t, "large", map[string]string{"ref": "docker-archive:large.tar"}, &got, archive)
	t.Logf("%d MiB in the module, %d MiB in the page's process", got.Memory>>20, peak>>20)
	require.Equal(t, "cancelled", got.Cancelled)
	require.True(t, got.Told, "the module heard of the cancel by itself")
	require.NotZero(t, got.Beside)
	require.Equal(t, []string{"/zeros"}, got.Paths)
	require.Less(t, got.Memory, int64(memoryLimit))
	require.Less(t, peak, int64(tabLimit))
}

// sparseArchive writes a docker archive whose one layer has a file of so many zeros, and takes no room on the disk.
func sparseArchive(t *testing.T, name string, size int64) {
	t.Helper()
	header := func(name string, size int64) []byte {
		var b bytes.Buffer
		require.NoError(t, tar.NewWriter(&b).WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}))
		return b.Bytes()
	}
	const end = 1024 // of a tar: two blocks of zeros
	entry := header("zeros", size)
	layer := int64(len(entry)) + size + end
	h := sha256.New()
	h.Write(entry)
	_, err := io.CopyN(h, zeros{}, size+end)
	require.NoError(t, err)
	config := encode(t, map[string]any{
		"os": "linux", "architecture": "amd64",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(h.Sum(nil))}},
	})
	manifest := encode(t, []map[string]any{{"Config": "config.json", "Layers": []string{"layer.tar"}, "RepoTags": []string{"large:1"}}})
	f, err := os.Create(name)
	require.NoError(t, err)
	defer f.Close()
	at := int64(0)
	put := func(b []byte) {
		_, err := f.WriteAt(b, at)
		require.NoError(t, err)
		at += int64(len(b))
	}
	pad := func() { at = (at + 511) / 512 * 512 }
	for _, e := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {"config.json", config}} {
		put(header(e.name, int64(len(e.data))))
		put(e.data)
		pad()
	}
	put(header("layer.tar", layer))
	put(entry)
	require.NoError(t, f.Truncate(at+size+2*end))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestCallsTogetherInPage(t *testing.T) {
	ref := registryOf(t, harbor) + "/harbor:amd64"
	sizes, want := []int{0, 1, 100_000, 3 << 20}, []string{}
	for _, size := range sizes {
		sum := sha256.Sum256(make([]byte, size))
		want = append(want, "sha256:"+hex.EncodeToString(sum[:]))
	}
	var got struct {
		Digests []string
		Left    string
		Same    bool
		Files   int
	}
	inPage(t, "together", map[string]any{"ref": ref, "sizes": sizes}, &got)
	require.Equal(t, want, got.Digests)
	require.NotEmpty(t, got.Left)
	require.True(t, got.Same)
	require.NotZero(t, got.Files)
}

func TestBrokenModuleInPage(t *testing.T) {
	var got map[string]wire
	sources := map[string]string{
		"/bin/nothing.wasm":   "status 404",
		"/bin/stevedore.wasm": "", // a module, of another kind: the engine says which import is missing
		"/jsrun/page.html":    "", // no module: the engine says so
		"worker":              "its script could not be loaded",
	}
	inPage(t, "broken", map[string]any{"sources": []string{"/bin/nothing.wasm", "/bin/stevedore.wasm", "/jsrun/page.html"}}, &got)
	require.Len(t, got, len(sources))
	for source, text := range sources {
		require.Equal(t, "internal", got[source].Kind, source)
		require.Contains(t, got[source].Message, text, source)
		t.Logf("%s: %s", source, got[source].Message)
	}
}

func TestTrapInPage(t *testing.T) {
	var got struct {
		Died           wire
		After, Workers int
	}
	held := behind(t, func(inner http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				<-r.Context().Done()
				return
			}
			inner.ServeHTTP(w, r)
		})
	})
	inPage(t, "trap", map[string]string{"held": held + "/harbor:amd64", "ref": registryOf(t, harbor) + "/harbor:amd64"}, &got)
	require.Equal(t, wire{Kind: "internal", Message: "the Worker of Stevedore died: the module died: unreachable"}, got.Died)
	require.NotZero(t, got.After)
	require.Equal(t, 2, got.Workers)
}

// behind puts a handler before the registry of the bundled image and returns its host:port.
func behind(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	inner, err := url.Parse("http://" + registryOf(t, harbor))
	require.NoError(t, err)
	srv := httptest.NewServer(wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { forward(t, w, r, inner) })))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// forward answers a request with what another server answers to it.
func forward(t *testing.T, w http.ResponseWriter, r *http.Request, to *url.URL) {
	target := *to
	if target.Path == "" {
		target.Path, target.RawQuery = r.URL.Path, r.URL.RawQuery
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, target.String(), nil)
	if err != nil {
		t.Errorf("forward: %v", err)
		return
	}
	out.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // an error means that one of them has gone
}

func TestCredentialsInPage(t *testing.T) {
	reg := behind(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, pass, _ := r.BasicAuth(); r.Method != http.MethodOptions && (user != "user" || pass != "open sesame") {
				w.Header().Set("Access-Control-Allow-Origin", "*")
				w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
				w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	var got struct {
		Anonymous, Wrong wire
		Right            string
		Asked            []string
	}
	inPage(t, "secret", map[string]string{"ref": reg + "/harbor:amd64", "password": "open sesame"}, &got)
	require.Equal(t, "unauthorized", got.Anonymous.Kind)
	require.Equal(t, "unauthorized", got.Wrong.Kind)
	require.Equal(t, layoutTag(t, "amd64").Digest.String(), got.Right)
	require.Equal(t, []string{reg}, got.Asked)
}

func TestRelayInPage(t *testing.T) {
	closed := behind(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(withoutCORS{w}, r) })
	})
	d := depot.Memory()
	reg := nethttp.Handler(serve.New(d.Serve()))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reg.ServeHTTP(withoutCORS{w}, r) }))
	defer srv.Close()
	open := strings.TrimPrefix(srv.URL, "http://")
	own, err := relay.New(relay.Options{Hosts: []string{"the.page"}, Token: "run", Allow: []string{closed, open}, Push: []string{open}})
	require.NoError(t, err)
	defer own.Close()
	// The page of this test comes from another server than the relay, which is told that it does not.
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*, Authorization")
		w.Header().Set("Access-Control-Allow-Methods", "*")
		w.Header().Set("Access-Control-Expose-Headers", "*")
		if r.Method == http.MethodOptions {
			return
		}
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Del("Origin")
		r.Host = "the.page"
		nethttp.Handler(own).ServeHTTP(crossOrigin{w}, r)
	}))
	defer front.Close()
	var got struct {
		Direct  wire
		Relayed string
		Files   int
		Written string
		Kept    wire
	}
	args := map[string]any{"to": open + "/app:1", "ref": closed + "/harbor:latest", "relay": map[string]string{"base": front.URL + relay.Prefix, "token": "run"}}
	inPage(t, "relay", args, &got)
	require.Equal(t, "unsupported", got.Direct.Kind, got.Direct.Message)
	require.Contains(t, got.Direct.Message, "Access-Control-Allow-Origin")
	var out struct{ Digest string }
	require.NoError(t, json.Unmarshal([]byte(got.Relayed), &out))
	require.Equal(t, layoutTag(t, "latest").Digest.String(), out.Digest)
	require.NotZero(t, got.Files)
	require.Equal(t, out.Digest, got.Written)
	require.Equal(t, out.Digest, contents(t, d)["app:1"])
	require.Equal(t, "unsupported", got.Kept.Kind, got.Kept.Message)
	require.Contains(t, got.Kept.Message, "--allow-push "+closed)
}

// crossOrigin lets the page of another server read what is for the relay's own.
type crossOrigin struct{ http.ResponseWriter }

func (c crossOrigin) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c crossOrigin) WriteHeader(status int) {
	c.Header().Del("Cross-Origin-Resource-Policy")
	c.ResponseWriter.WriteHeader(status)
}

// withoutCORS is a registry as most are: pages may not read it.
type withoutCORS struct{ http.ResponseWriter }

func (w withoutCORS) WriteHeader(status int) {
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			w.Header().Del(name)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// TestDriver runs the tests of the JavaScript driver in Node.
func TestDriver(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), tool(t, "node"), "--test")
	cmd.Dir = "../wasm/js"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestUnderJS runs the Go tests of the packages that exist for GOOS=js alone; fetchshim/jsfetch runs its own in each host.
func TestUnderJS(t *testing.T) {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	runner := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-exec", runner, "./transport/fsys/webfs", "./wasm/browser/module")
	cmd.Dir = ".."
	cmd.Env = []string{"GOOS=js", "GOARCH=wasm"} // what js programs get has to fit into 12 KiB
	for _, name := range []string{"PATH", "HOME", "GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOTOOLCHAIN"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	t.Logf("%s", out)
}
