package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// edge runs examples/edge in workerd until the test ends and returns where it answers. allow is its list of hosts.
func edge(t *testing.T, allow string) string {
	t.Helper()
	artifact(t, "stevedore.wasm")
	return worker(t, "../examples/edge/workerd.capnp", "ALLOW="+allow)
}

// worker runs an example in workerd until the test ends and returns where it answers.
func worker(t *testing.T, config string, env ...string) string {
	t.Helper()
	said, says, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(tool(t, "workerd"), "serve", absolute(t, config), "--socket-addr=http=127.0.0.1:0", "--control-fd=3")
	cmd.Env = append(os.Environ(), env...)
	cmd.ExtraFiles = []*os.File{says}
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = said.Close()
	})
	require.NoError(t, says.Close())
	for lines := bufio.NewScanner(said); lines.Scan(); {
		var e struct {
			Event string
			Port  int
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		if e.Event == "listen" {
			return fmt.Sprintf("http://127.0.0.1:%d", e.Port)
		}
	}
	t.Fatal("workerd said no port")
	return ""
}

// answer is what the edge function said.
type answer struct {
	status int
	header http.Header
	body   string
}

// visit asks the edge function. header is names and values in turn.
func visit(t *testing.T, method, base, path string, query url.Values, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path+"?"+query.Encode(), nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func image(ref string, platform ...string) url.Values {
	v := url.Values{"ref": {ref}}
	if len(platform) > 0 {
		v.Set("platform", platform[0])
	}
	return v
}

// failed checks an error answer, which is never cached.
func failed(t *testing.T, a answer, status int, kind string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	var doc struct {
		Error struct{ Kind, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &doc), a.body)
	require.Equal(t, kind, doc.Error.Kind, a.body)
	require.NotEmpty(t, doc.Error.Message)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
}

func TestEdgeAnswers(t *testing.T) {
	reg := registryOf(t, harbor)
	base := edge(t, reg)
	digest := layoutTag(t, "latest").Digest.String()
	native := func(args ...string) string {
		out, err := exec.Command(artifact(t, "stevedore"), append(args, "--json")...).Output()
		require.NoError(t, err)
		return strings.TrimSuffix(string(out), "\n")
	}
	tag, pinned := reg+"/harbor:latest", reg+"/harbor@"+digest

	t.Run("the bytes are those of the native binary", func(t *testing.T) {
		for _, verb := range []string{"digest", "inspect"} {
			for _, platform := range []string{"linux/amd64", "linux/arm64"} {
				for _, ref := range []string{tag, pinned, reg + "/some/other/name:1.0"} {
					got := visit(t, "GET", base, "/"+verb, image(ref, platform))
					require.Equal(t, 200, got.status, got.body)
					require.Equal(t, native(verb, "--platform", platform, ref), got.body)
				}
			}
		}
		require.Equal(t, native("digest", tag), visit(t, "GET", base, "/digest", image(tag)).body)
	})
	t.Run("cache headers", func(t *testing.T) {
		got := visit(t, "GET", base, "/digest", image(tag))
		require.Equal(t, "public, max-age=60", got.header.Get("Cache-Control"))
		require.Equal(t, `"`+digest+`"`, got.header.Get("ETag"))
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		got = visit(t, "GET", base, "/inspect", image(pinned))
		require.Equal(t, "public, max-age=31536000, immutable", got.header.Get("Cache-Control"))
		require.Equal(t, `"`+digest+`"`, got.header.Get("ETag"))
	})
	t.Run("not modified", func(t *testing.T) {
		for _, tags := range []string{`"` + digest + `"`, `W/"` + digest + `"`, `"a", "` + digest + `"`, "*"} {
			got := visit(t, "GET", base, "/inspect", image(tag), "If-None-Match", tags)
			require.Equal(t, 304, got.status, tags)
			require.Empty(t, got.body)
			require.Equal(t, `"`+digest+`"`, got.header.Get("ETag"))
			require.Equal(t, "public, max-age=60", got.header.Get("Cache-Control"))
		}
		for _, tags := range []string{`"a"`, digest, `"` + digest + `x"`} {
			require.Equal(t, 200, visit(t, "GET", base, "/inspect", image(tag), "If-None-Match", tags).status, tags)
		}
	})
	t.Run("head", func(t *testing.T) {
		get, head := visit(t, "GET", base, "/inspect", image(tag)), visit(t, "HEAD", base, "/inspect", image(tag))
		require.Equal(t, 200, head.status)
		require.Empty(t, head.body)
		require.Equal(t, get.header.Get("ETag"), head.header.Get("ETag"))
		require.Equal(t, fmt.Sprint(len(get.body)), head.header.Get("Content-Length"))
	})
	t.Run("errors", func(t *testing.T) {
		for _, ref := range []string{"", "library/UPPER", "a b", reg + "/harbor:latest:latest", "docker://", reg + "/harbor@sha256:123"} {
			failed(t, visit(t, "GET", base, "/inspect", image(ref)), 400, "input")
		}
		failed(t, visit(t, "GET", base, "/inspect", url.Values{}), 400, "input")
		failed(t, visit(t, "GET", base, "/inspect", image(tag, "no platform")), 400, "input")
		failed(t, visit(t, "GET", base, "/inspect", image(tag, "linux/s390x")), 404, "not_found")
		failed(t, visit(t, "GET", base, "/digest", image(reg+"/harbor:nope")), 404, "not_found")
		failed(t, visit(t, "GET", base, "/nothing", image(tag)), 404, "not_found")
		failed(t, visit(t, "GET", base, "/constructor", image(tag)), 404, "not_found")
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			got := visit(t, method, base, "/digest", image(tag))
			failed(t, got, 405, "input")
			require.Equal(t, "GET, HEAD", got.header.Get("Allow"))
		}
	})
	t.Run("no files", func(t *testing.T) {
		for _, ref := range []string{"oci:/etc", "oci:.", "docker-archive:/etc/passwd", "oci-archive:-", "dir:/"} {
			got := visit(t, "GET", base, "/inspect", image(ref))
			require.Contains(t, []int{404, 501}, got.status, got.body)
		}
	})
	t.Run("health", func(t *testing.T) {
		got := visit(t, "GET", base, "/healthz", nil)
		require.Equal(t, 200, got.status)
		require.Equal(t, `{"ok":true}`, got.body)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
	})
	t.Run("many at once", func(t *testing.T) {
		want := visit(t, "GET", base, "/inspect", image(tag)).body
		var group sync.WaitGroup
		for range 12 {
			group.Go(func() {
				resp, err := http.Get(base + "/inspect?" + image(tag).Encode())
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if b, _ := io.ReadAll(resp.Body); string(b) != want {
					t.Errorf("status %d: %s", resp.StatusCode, b)
				}
			})
		}
		group.Wait()
	})
}

// TestEdgeRefuses: nothing leads the function to a host that is not on its list, and what registries do wrong is told from
// what the visitor does wrong.
func TestEdgeRefuses(t *testing.T) {
	var visits atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer inside.Close()
	secret := strings.TrimPrefix(inside.URL, "http://")
	reg := registryOf(t, harbor)
	good, err := url.Parse("http://" + reg)
	require.NoError(t, err)

	// A registry on the list that leads elsewhere, or misbehaves, by the name of the repository.
	led := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")[0]
		switch name {
		case "redirect":
			http.Redirect(w, r, inside.URL+"/latest/meta-data", http.StatusTemporaryRedirect)
		case "twice":
			http.Redirect(w, r, "/v2/redirect/manifests/1", http.StatusFound)
		case "moved":
			if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, inside.URL+"/blob", http.StatusTemporaryRedirect)
				return
			}
			http.Redirect(w, r, good.JoinPath(r.URL.Path).String(), http.StatusTemporaryRedirect)
		case "realm":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+inside.URL+`/token",service="s",scope="repository:realm:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
		case "locked":
			w.Header().Set("WWW-Authenticate", `Basic realm="locked"`)
			w.WriteHeader(http.StatusUnauthorized)
		case "page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>sign in</html>")
		case "liar":
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			_, _ = io.WriteString(w, `{"schemaVersion":2,"manifests":[]}`)
		}
	}))
	defer led.Close()
	mean := strings.TrimPrefix(led.URL, "http://")
	base := edge(t, reg+", "+mean+" ,*.allowed.example")

	for _, ref := range []string{
		secret + "/app:1", "alpine", "169.254.169.254/latest/meta-data", "localhost:1/app", "evil.example/app", "allowed.example/app",
		"notallowed.example/app", mean + "/redirect:1", mean + "/twice:1", mean + "/realm:1",
	} {
		for _, path := range []string{"/inspect", "/digest"} {
			failed(t, visit(t, "GET", base, path, image(ref)), 403, "denied")
		}
	}
	moved := visit(t, "GET", base, "/digest", image(mean+"/moved:latest"))
	require.Equal(t, 200, moved.status, "a redirect to a host on the list is followed: %s", moved.body)
	failed(t, visit(t, "GET", base, "/inspect", image(mean+"/moved:latest")), 403, "denied")
	require.Zero(t, visits.Load(), "nobody reached the host that is not on the list")

	failed(t, visit(t, "GET", base, "/inspect", image(mean+"/locked:1")), 403, "unauthorized")
	failed(t, visit(t, "GET", base, "/inspect", image(mean+"/liar:1")), 502, "verification")
	failed(t, visit(t, "GET", base, "/inspect", image(mean+"/page:1")), 501, "unsupported")
	failed(t, visit(t, "GET", edge(t, ""), "/digest", image(reg+"/harbor")), 403, "denied")
}
