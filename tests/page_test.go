package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// part is a file that the page hands over.
type part struct {
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
}

// pageWorld is what the flows of tests/browser are about.
type pageWorld struct {
	Dist     string `json:"dist"`
	Fixtures string `json:"fixtures"`
	Large    string `json:"large"`
	Many     string `json:"many"`
	Hostile  string `json:"hostile"`
	Open     string `json:"open"`
	Closed   string `json:"closed"`
	Secret   string `json:"secret"`
	Counted  string `json:"counted"`
	Web      string `json:"web"`
	Busybox  part   `json:"busybox"`
	App      part   `json:"app"`
	Config   string `json:"config"`
	Layer    string `json:"layer"`
}

func newPageWorld(t *testing.T) pageWorld {
	t.Helper()
	artifact(t, "stevedore-js.wasm")
	dist := absolute(t, "../web/dist")
	if _, err := os.Stat(dist); err != nil {
		t.Fatal("web/dist is not built: run make web")
	}
	dir := fixture(t)
	write(t, filepath.Join(dir, "no.tar"), []byte("this is no archive"))
	large := filepath.Join(t.TempDir(), "large.tar")
	sparseArchive(t, large, 1<<30)
	m := layoutManifest(t, "amd64")
	closed := closedRegistry(t)
	base, token := startWeb(t, "--allow-registry", closed)
	return pageWorld{
		Dist: dist, Fixtures: dir, Large: large, Many: manyFiles(t), Hostile: hostileImage(t), Open: registryOf(t, harbor), Closed: closed, Secret: secretRegistry(t), Counted: countedRegistry(t),
		Web: base + "/#relay=" + token, Config: m.Config.Digest.String(), Layer: m.Layers[1].Digest.String(),
		Busybox: written(t, dir, "cat", "/bin/busybox"), App: written(t, dir, "export", "/opt/app"),
	}
}

// written is what a verb writes of the bundled image.
func written(t *testing.T, dir, verb, path string) part {
	t.Helper()
	got := library().run(t, dir, []parityCase{{verb, verb, map[string]any{"ref": "oci:harbor:amd64", "path": path}, true}})[0]
	sum := sha256.Sum256([]byte(got.Bytes))
	return part{int64(len(got.Bytes)), hex.EncodeToString(sum[:])}
}

// closedRegistry sends no CORS headers.
func closedRegistry(t *testing.T) string {
	return behind(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(&corsless{ResponseWriter: w}, r)
		})
	})
}

type corsless struct {
	http.ResponseWriter
}

func (w *corsless) WriteHeader(status int) {
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			w.Header().Del(name)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// secretRegistry wants a password.
func secretRegistry(t *testing.T) string { return behind(t, withPassword) }

func withPassword(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		if r.Method != http.MethodOptions && (user != "user" || pass != "open sesame") {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// unsized says of no body how long it is.
type unsized struct{ http.ResponseWriter }

func (w unsized) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(w.ResponseWriter).Flush() // what follows is sent in chunks
}

// countedRegistry tells at /count how many blobs were asked for, and how often each was. It says of no config how long it is.
func countedRegistry(t *testing.T) string {
	type count struct {
		Blobs int            `json:"blobs"`
		Each  map[string]int `json:"each"`
	}
	configs := []string{layoutManifest(t, "amd64").Config.Digest.String(), layoutManifest(t, "arm64").Config.Digest.String()}
	var mu sync.Mutex
	asked := count{Each: map[string]int{}}
	return behind(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			if _, blob, ok := strings.Cut(r.URL.Path, "/blobs/"); ok && r.Method == http.MethodGet {
				asked.Blobs++
				asked.Each[blob]++
				if slices.Contains(configs, blob) {
					w = unsized{w}
				}
			}
			told, err := json.Marshal(asked)
			mu.Unlock()
			if r.URL.Path == "/count" && err == nil {
				_, _ = w.Write(told)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
}

// runPage runs a file of tests/browser; what it says is shown where it fails, and with -v.
func runPage(t *testing.T, file, browser, program string, world any) {
	t.Helper()
	b, err := json.Marshal(world)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), tool(t, "node"), "--test", "--test-reporter=spec", absolute(t, "browser/"+file))
	cmd.Env = append(os.Environ(), "WORLD="+string(b), "BROWSER="+browser, "PROGRAM="+tool(t, program), "NO_COLOR=1", "NODE_NO_WARNINGS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestPage goes through the page as a person would, in three browsers.
func TestPage(t *testing.T) {
	world := newPageWorld(t)
	for _, b := range []struct{ name, program string }{{"chromium", "chromium"}, {"firefox", "firefox-esr"}, {"webkit", "WebKitWebDriver"}} {
		t.Run(b.name, func(t *testing.T) {
			runPage(t, "flows.test.mjs", b.name, b.program, world)
		})
	}
}

// TestPageAgain visits images that were read before.
func TestPageAgain(t *testing.T) {
	world := newPageWorld(t)
	for _, b := range []struct{ name, program string }{{"chromium", "chromium"}, {"firefox", "firefox-esr"}} {
		t.Run(b.name, func(t *testing.T) {
			world.Counted = countedRegistry(t) // each browser counts for itself
			runPage(t, "again.test.mjs", b.name, b.program, world)
		})
	}
}

// TestPageManners measures the page in Chromium, and shows it an image that means harm.
func TestPageManners(t *testing.T) {
	runPage(t, "manners.test.mjs", "chromium", "chromium", newPageWorld(t))
}
