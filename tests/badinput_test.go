package tests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// badRegistry answers each repository in a bad way of its own. Blobs and manifests are found by digest whatever the
// repository, so that only what a case is about is wrong.
type badRegistry struct {
	t      *testing.T
	host   string // host:port
	other  string // of another origin, which writes down what it is sent
	leaked atomic.Bool

	mu       sync.Mutex
	asked    map[string]int // requests by repository
	blobs    map[digest.Digest][]byte
	handlers map[string]http.HandlerFunc // by repository, for what is not a blob or manifest by digest
}

func newBadRegistry(t *testing.T) *badRegistry {
	b := &badRegistry{t: t, asked: map[string]int{}, blobs: map[digest.Digest][]byte{}, handlers: map[string]http.HandlerFunc{}}
	srv := httptest.NewServer(b)
	other := httptest.NewServer(http.HandlerFunc(b.elsewhere))
	t.Cleanup(func() { srv.Close(); other.Close() })
	b.host, b.other = strings.TrimPrefix(srv.URL, "http://"), other.URL
	return b
}

func (b *badRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	b.mu.Lock()
	b.asked[parts[0]]++
	h := b.handlers[parts[0]]
	raw, ok := b.blobs[digest.Digest(parts[len(parts)-1])]
	b.mu.Unlock()
	switch {
	case h != nil && (!ok || strings.HasPrefix(parts[0], "all-")):
		h(w, r)
	case ok:
		b.serve(w, raw)
	default:
		w.WriteHeader(404)
	}
}

func (b *badRegistry) serve(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Length", fmt.Sprint(len(raw)))
	_, _ = w.Write(raw)
}

// requests is how many were made for the repository of a reference.
func (b *badRegistry) requests(reference string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	repository, _, _ := strings.Cut(strings.TrimPrefix(reference, "%s/"), ":")
	return b.asked[strings.Split(repository, "@")[0]]
}

// elsewhere is the host that redirects and links lead to.
func (b *badRegistry) elsewhere(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
		b.leaked.Store(true)
	}
	b.mu.Lock()
	raw, ok := b.blobs[digest.Digest(strings.TrimPrefix(r.URL.Path, "/"))]
	b.mu.Unlock()
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(401)
		return
	}
	b.serve(w, raw)
}

// put adds a blob.
func (b *badRegistry) put(mediaType string, raw []byte) v1.Descriptor {
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blobs[d.Digest] = raw
	return d
}

// image adds an image; change gets its manifest before it is encoded.
func (b *badRegistry) image(layers []v1.Descriptor, change func(m *v1.Manifest)) []byte {
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: b.put(v1.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64"}`)), Layers: layers}
	m.SchemaVersion = 2
	if change != nil {
		change(&m)
	}
	return encode(b.t, m)
}

// manifest answers a tag with raw.
func (b *badRegistry) manifest(repository string, raw []byte, header ...string) {
	b.handle(repository, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			w.WriteHeader(404)
			return
		}
		w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = w.Write(raw)
	})
}

func (b *badRegistry) handle(repository string, h http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers[repository] = h
}

// gzipBomb is a tar of one file of zeroes, size bytes long, a multiple of 64 MiB: a member for its header, and one that is
// repeated.
func gzipBomb(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var head bytes.Buffer
	w := tar.NewWriter(&head)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}))
	zeroes := make([]byte, 64<<20)
	return append(gzipped(t, head.Bytes()), bytes.Repeat(gzipped(t, zeroes), int(size)/len(zeroes))...)
}

func gzipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	require.NoError(t, err)
	_, err = z.Write(raw)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

// badCase is a command line that must fail. %s in an argument is the registry; the subject is what the message begins with.
type badCase struct {
	name    string
	args    []string
	kind    errs.Kind
	subject string
	says    string
	asks    int // requests to the repository, at most; 0 for 10
}

// TestBadRegistries runs the native binary against registries that lie, loop and flood: the kind, the exit status and the
// subject are right, and neither memory nor requests are without bound.
func TestBadRegistries(t *testing.T) {
	b := newBadRegistry(t)
	bin := artifact(t, "stevedore")
	for _, c := range append(append(b.lies(), b.floods()...), b.loops()...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, a := range c.args {
				args = append(args, strings.ReplaceAll(a, "%s", b.host))
			}
			before := b.requests(c.subject)
			out := runBad(t, bin, args...)
			require.Equal(t, c.kind, out.Kind, out.Message)
			require.Equal(t, c.kind.Exit(), out.exit)
			require.True(t, strings.HasPrefix(out.Message, strings.ReplaceAll(c.subject, "%s", b.host)+": "), "%q does not name %q", out.Message, c.subject)
			require.Contains(t, out.Message+" "+out.Hint, c.says)
			require.Less(t, len(out.Message), 4000)
			require.Less(t, out.rss, int64(memoryLimit), "memory")
			if c.asks == 0 {
				c.asks = 10
			}
			require.LessOrEqual(t, b.requests(c.subject)-before, c.asks, "requests")
			require.False(t, b.leaked.Load(), "a credential went to another host")
		})
	}
}

// badOutcome is how the binary ended.
type badOutcome struct {
	errs.Wire
	exit   int
	rss    int64 // bytes
	stdout string
}

// runBad runs the binary with --json.
func runBad(t *testing.T, bin string, args ...string) badOutcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, append(args, "--json", "--quiet")...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_RUNTIME_DIR=", "DOCKER_CONFIG=", "REGISTRY_AUTH_FILE=", "TMPDIR="+t.TempDir())
	stdout, stderr, rss := measure(t, cmd)
	out := badOutcome{exit: cmd.ProcessState.ExitCode(), stdout: stdout, rss: rss}
	if out.exit != 0 {
		var doc struct{ Error errs.Wire }
		require.NoError(t, json.Unmarshal([]byte(stderr), &doc), stderr)
		out.Wire = doc.Error
	}
	return out
}

// lies are documents and blobs that are not what was asked for or announced.
func (b *badRegistry) lies() []badCase {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Log in</title>")
	}
	b.handle("html", html)
	b.handle("html404", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(404)
		html(w, r)
	})
	wrong := digest.FromString("wrong")
	good := b.image(nil, nil)
	b.handle("all-wrong", func(w http.ResponseWriter, _ *http.Request) { b.serve(w, good) })
	b.manifest("announced", good, "Docker-Content-Digest", wrong.String())
	b.manifest("type", good, "Content-Type", v1.MediaTypeImageIndex)
	b.manifest("both", []byte(`{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}`))
	b.manifest("schema1", []byte(`{"schemaVersion":1,"name":"x","fsLayers":[]}`), "Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
	b.manifest("path", b.image([]v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: "sha256:../../../etc/passwd", Size: 3}}, nil))
	b.manifest("size", b.image([]v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: wrong, Size: -3}}, nil))
	b.manifest("config-size", b.image(nil, func(m *v1.Manifest) { m.Config.Size++ }))
	b.manifest("config-gone", b.image(nil, func(m *v1.Manifest) { m.Config.Digest = wrong }))
	config := b.put(v1.MediaTypeImageConfig, []byte("<html>"))
	b.manifest("config-html", b.image(nil, func(m *v1.Manifest) { m.Config = config }))
	whole := tarOf(b.t, os.DirFS(harbor))
	layer := b.put(v1.MediaTypeImageLayer, whole)
	cut := b.put(v1.MediaTypeImageLayer, whole[:len(whole)/2])
	b.manifest("cut", b.image([]v1.Descriptor{cut}, nil))
	longer := layer
	longer.Size -= 10
	b.manifest("longer", b.image([]v1.Descriptor{longer}, nil))
	swapped := digest.FromString("swapped")
	b.blobs[swapped] = whole
	b.manifest("swapped", b.image([]v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: swapped, Size: int64(len(whole))}}, nil))
	child := b.put(v1.MediaTypeImageManifest, good)
	child.Size++
	child.Platform = &v1.Platform{OS: "linux", Architecture: "amd64"}
	b.manifest("child-size", encode(b.t, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{child}}), "Content-Type", v1.MediaTypeImageIndex)
	index := child
	index.Platform = nil
	index.Size--
	for range 6 {
		raw := encode(b.t, v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{index}})
		index = b.put(v1.MediaTypeImageIndex, raw)
		b.manifest("deep", raw, "Content-Type", v1.MediaTypeImageIndex)
	}
	b.handle("hang-up", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"schemaVersion":`)
	})
	return []badCase{
		{"HTML for a manifest", []string{"inspect", "%s/html:1"}, errs.Unsupported, "%s/html:1", "it answered HTML; is", 0},
		{"HTML for a digest", []string{"digest", "%s/html:1"}, errs.Unsupported, "%s/html:1", "it answered HTML", 0},
		{"HTML for tags", []string{"tags", "%s/html"}, errs.Unsupported, "%s/html", "it answered HTML", 0},
		{"HTML for what is not there", []string{"inspect", "%s/html404:1"}, errs.NotFound, "%s/html404:1", "it answers HTML", 0},
		{"HTML for a config", []string{"inspect", "%s/config-html:1"}, errs.Input, "%s/config-html:1", "config sha256:", 0},
		{"not the digest asked for", []string{"inspect", "%s/all-wrong@" + wrong.String()}, errs.Verification, "%s/all-wrong@" + wrong.String(), "not " + wrong.String(), 0},
		{"not the digest announced", []string{"inspect", "%s/announced:1"}, errs.Verification, "%s/announced:1", "not " + wrong.String(), 0},
		{"not the type announced", []string{"inspect", "%s/type:1"}, errs.Verification, "%s/type:1", "announced as", 0},
		{"an index and a manifest", []string{"inspect", "%s/both:1"}, errs.Verification, "%s/both:1", "an index and as a manifest", 0},
		{"schema 1", []string{"inspect", "%s/schema1:1"}, errs.Unsupported, "%s/schema1:1", "schema 1", 0},
		{"a digest that is a path", []string{"files", "%s/path:1"}, errs.Input, "%s/path:1", "layer 0", 0},
		{"a negative size", []string{"files", "%s/size:1"}, errs.Input, "%s/size:1", "negative size", 0},
		{"a config of another size", []string{"inspect", "%s/config-size:1"}, errs.Verification, "%s/config-size:1", "config sha256:", 0},
		{"a config that is not there", []string{"inspect", "%s/config-gone:1"}, errs.NotFound, "%s/config-gone:1", "config " + wrong.String(), 0},
		{"a layer that is cut off", []string{"files", "%s/cut:1"}, errs.Verification, "%s/cut:1", "layer " + cut.Digest.String(), 0},
		{"a layer that is longer", []string{"files", "%s/longer:1"}, errs.Verification, "%s/longer:1", "layer " + layer.Digest.String(), 0},
		{"a layer that was swapped", []string{"cat", "%s/swapped:1", "oci-layout"}, errs.Verification, "%s/swapped:1", "content has the digest " + layer.Digest.String(), 0},
		{"a child of another size", []string{"inspect", "%s/child-size:1"}, errs.Verification, "%s/child-size:1", child.Digest.String(), 0},
		{"indexes without end", []string{"inspect", "--platform", "linux/amd64", "%s/deep:1"}, errs.Input, "%s/deep:1", "nested deeper than 4", 0},
		{"a connection that ends", []string{"inspect", "%s/hang-up:1"}, errs.Network, "%s/hang-up:1", "EOF", 0},
		{"no such repository", []string{"tags", "%s/none"}, errs.NotFound, "%s/none", "not found", 0},
	}
}

// floods are answers that are far too large, or that become so.
func (b *badRegistry) floods() []badCase {
	endless := func(start string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, start)
			chunk := bytes.Repeat([]byte(`"x",`), 16<<10)
			for range 100 << 20 / len(chunk) {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
	}
	b.handle("json", endless(`{"layers":[`))
	b.handle("json-tags", endless(`{"tags":[`))
	b.handle("announced-json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(100<<20))
		endless("")(w, r)
	})
	b.handle("error", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403); endless("no, ")(w, r) })
	b.handle("headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", strings.Repeat("x ", 1<<20))
		w.WriteHeader(401)
	})
	b.handle("challenges", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", strings.Repeat("x ", 400<<10))
		w.WriteHeader(401)
	})
	b.manifest("objects", append(append([]byte(`{"schemaVersion":2,"layers":[`), bytes.Repeat([]byte(`{},`), 1<<20)...), `{}]}`...))
	huge := b.put(v1.MediaTypeImageConfig, append(append([]byte(`{"history":[`), bytes.Repeat([]byte(`{},`), 2<<20)...), `{}]}`...))
	b.manifest("history", b.image(nil, func(m *v1.Manifest) { m.Config = huge }))
	b.manifest("large-config", b.image(nil, func(m *v1.Manifest) { m.Config.Size = 100 << 20 }))
	many := make([]v1.Descriptor, 5000)
	for i := range many {
		many[i] = b.put(v1.MediaTypeImageLayer, nil)
	}
	b.manifest("layers", b.image(many, nil))
	return []badCase{
		{"JSON of 100 MiB", []string{"inspect", "%s/json:1"}, errs.Input, "%s/json:1", "is larger than the 4194304 bytes", 0},
		{"JSON of 100 MiB, announced", []string{"inspect", "%s/announced-json:1"}, errs.Input, "%s/announced-json:1", "announced with 104857600 bytes", 0},
		{"a tag list of 100 MiB", []string{"tags", "%s/json-tags"}, errs.Input, "%s/json-tags", "is larger than", 0},
		{"an error of 100 MiB", []string{"inspect", "%s/error:1"}, errs.Denied, "%s/error:1", "denied: no, ", 0},
		{"headers of 2 MiB", []string{"inspect", "%s/headers:1"}, errs.Network, "%s/headers:1", "", 0},
		{"half a million challenges", []string{"inspect", "%s/challenges:1"}, errs.Unsupported, "%s/challenges:1", "authentication by x", 0},
		{"a million layers", []string{"inspect", "%s/objects:1"}, errs.Input, "%s/objects:1", "more than 262144 values", 0},
		{"a million steps", []string{"inspect", "%s/history:1"}, errs.Input, "%s/history:1", "more than 262144 values", 0},
		{"a config of 100 MiB", []string{"inspect", "%s/large-config:1"}, errs.Input, "%s/large-config:1", "has 104857600 bytes", 0},
		{"five thousand layers", []string{"files", "%s/layers:1"}, errs.Input, "%s/layers:1", "has 5000 layers", 0},
	}
}

// loops are answers that lead on and on, or elsewhere.
func (b *badRegistry) loops() []badCase {
	n := atomic.Int64{}
	page := func(tag string, next func() string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<"+next()+`>; rel="next"`)
			fmt.Fprintf(w, `{"tags":[%s]}`, strings.ReplaceAll(tag, "%d", fmt.Sprint(n.Load())))
		}
	}
	count := func(format string) func() string {
		return func() string { return fmt.Sprintf(format, n.Add(1)) }
	}
	b.handle("links", page(`"a"`, func() string { return "/v2/links/tags/list?n=1000" }))
	b.handle("circle", page(`"t%d"`, func() string { return fmt.Sprint("?p=", n.Add(1)%3) }))
	b.handle("again", page(`"a","b"`, count("?p=%d")))
	b.handle("nothing", page("", count("?p=%d")))
	b.handle("endless", page(`"t%d"`, count("?p=%d")))
	b.handle("away", page(`"a"`, func() string { return strings.Replace(b.other, "127.0.0.1", "localhost", 1) + "/v2/away/tags/list" }))
	challenge := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(format, args...))
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"go away"}]}`)
		}
	}
	b.handle("basic", challenge(`Basic realm="x"`))
	b.handle("basic-creds", challenge(`Basic realm="x"`))
	b.handle("bearer", challenge(`Bearer realm="http://%s/v2/token/x",service="s"`, b.host))
	b.handle("token", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"token":"t"}`) })
	b.handle("realm", challenge(`Bearer realm="%s/token"`, b.other))
	b.handle("login", challenge(`Bearer realm="http://%s/v2/html/x"`, b.host))
	b.handle("redirects", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"?"+fmt.Sprint(n.Add(1)), http.StatusFound)
	})
	b.handle("file", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "file:///etc/passwd")
		w.WriteHeader(307)
	})
	b.handle("other-login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, b.other+"/login", http.StatusTemporaryRedirect)
	})
	b.handle("limited", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(429)
	})
	b.handle("broken", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "0"); w.WriteHeader(503) })
	creds := "user:" + strings.Repeat("p", 8)
	return []badCase{
		{"a page that links to itself", []string{"tags", "%s/links"}, errs.Input, "%s/links", "read before", 1},
		{"pages in a circle", []string{"tags", "%s/circle"}, errs.Input, "%s/circle", "read before", 5},
		{"the same page again", []string{"tags", "%s/again"}, errs.Input, "%s/again", "repeats the one before", 2},
		{"pages of nothing", []string{"tags", "%s/nothing"}, errs.Input, "%s/nothing", "its pages are empty", 16},
		{"pages without end", []string{"tags", "%s/endless"}, errs.Input, "%s/endless", "more than 10000 pages", 10_000},
		{"a page on another host", []string{"tags", "--creds", creds, "%s/away"}, errs.Input, "%s/away", "another host", 1},
		{"401 for ever, nothing to answer", []string{"inspect", "%s/basic:1"}, errs.Unauthorized, "%s/basic:1", "go away", 1},
		{"401 for ever, basic", []string{"inspect", "--creds", creds, "%s/basic-creds:1"}, errs.Unauthorized, "%s/basic-creds:1", "go away", 2},
		{"401 for ever, bearer", []string{"inspect", "--creds", creds, "%s/bearer:1"}, errs.Unauthorized, "%s/bearer:1", "go away", 3},
		{"a token server that is none", []string{"inspect", "%s/login:1"}, errs.Unauthorized, "%s/login:1", "answers no JSON", 2},
		{"a token server that refuses", []string{"inspect", "%s/realm:1"}, errs.Unauthorized, "%s/realm:1", "answers 401", 1},
		{"redirects in a circle", []string{"inspect", "%s/redirects:1"}, errs.Network, "%s/redirects:1", "stopped after 10 redirects", 60},
		{"a redirect to a file", []string{"inspect", "%s/file:1"}, errs.Denied, "%s/file:1", "scheme", 1},
		{"a redirect to a login", []string{"inspect", "--creds", creds, "%s/other-login:1"}, errs.Unauthorized, "%s/other-login:1", "none is sent there", 1},
		{"told to wait an hour", []string{"inspect", "%s/limited:1"}, errs.RateLimited, "%s/limited:1", "retry after 1h0m0s", 1},
		{"broken for ever", []string{"inspect", "%s/broken:1"}, errs.Network, "%s/broken:1", "503", 10},
	}
}

// TestCredentialsStayAtHome: a blob comes from another host that never sees the credential.
func TestCredentialsStayAtHome(t *testing.T) {
	b := newBadRegistry(t)
	layer := b.put(v1.MediaTypeImageLayer, tarOf(t, os.DirFS(harbor)))
	raw := b.image([]v1.Descriptor{layer}, nil)
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:secret"))
	b.handle("all-private", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != want:
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, b.other+r.URL.Path[strings.LastIndexByte(r.URL.Path, '/'):], http.StatusTemporaryRedirect)
		default:
			w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
			_, _ = w.Write(raw)
		}
	})
	out := runBad(t, artifact(t, "stevedore"), "files", "--creds", "user:secret", b.host+"/all-private:1", "oci-layout")
	require.Zero(t, out.exit, out.Message)
	require.Contains(t, out.stdout, `"/oci-layout"`)
	require.False(t, b.leaked.Load())
}

// TestABrokenHelperIsPassedOver: a public image needs no working credential helper; the warning names it.
func TestABrokenHelperIsPassedOver(t *testing.T) {
	b := newBadRegistry(t)
	b.handle("token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			_, _ = io.WriteString(w, `{"token":"anonymous"}`)
		}
	})
	b.handle("public", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer anonymous" {
			w.Header().Set("WWW-Authenticate", `Basic realm="a, \"b\"", Bearer realm="http://`+b.host+`/v2/token/x",service="s"`)
			w.WriteHeader(401)
			return
		}
		_, _ = io.WriteString(w, `{"tags":["v1"]}`)
	})
	config := t.TempDir()
	write(t, config+"/config.json", []byte(`{"credsStore":"nowhere"}`))
	cmd := exec.CommandContext(t.Context(), artifact(t, "stevedore"), "tags", b.host+"/public")
	cmd.Env = append(os.Environ(), "HOME="+config, "XDG_RUNTIME_DIR=", "REGISTRY_AUTH_FILE=", "DOCKER_CONFIG="+config)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	require.Equal(t, "v1\n", string(out))
	require.Equal(t, 1, strings.Count(stderr.String(), "warning: "+b.host+": credential helper docker-credential-nowhere: "), stderr.String())
}

// TestBombs: what is small when stored and huge when read costs time, but no memory.
func TestBombs(t *testing.T) {
	b := newBadRegistry(t)
	const size = 2 << 30
	bomb := b.put(v1.MediaTypeImageLayerGzip, gzipBomb(t, "zeroes", size))
	require.Less(t, bomb.Size, int64(3<<20))
	b.manifest("bomb", b.image([]v1.Descriptor{bomb}, nil))
	out := runBad(t, artifact(t, "stevedore"), "files", b.host+"/bomb:1")
	require.Zero(t, out.exit, out.Message)
	require.Contains(t, out.stdout, fmt.Sprintf(`"size":%d`, size))
	require.Less(t, out.rss, int64(memoryLimit))

	config := b.put(v1.MediaTypeImageConfig, gzipBomb(t, "zeroes", 64<<20)) // a config is read as it is
	b.manifest("config", b.image(nil, func(m *v1.Manifest) { m.Config = config }))
	out = runBad(t, artifact(t, "stevedore"), "inspect", b.host+"/config:1")
	require.Equal(t, errs.Input, out.Kind)
	require.Less(t, out.rss, int64(memoryLimit))
}

// TestBadFiles: layouts, folders and archives that are far too large where they are read whole, or lead elsewhere.
func TestBadFiles(t *testing.T) {
	bin, dir := artifact(t, "stevedore"), t.TempDir()
	large := append([]byte(`{"layers":[`), bytes.Repeat([]byte(`"x",`), 25<<20)...)
	secret := []byte(`{"schemaVersion":2,"config":{},"layers":[]}`)
	write(t, dir+"/secret", secret)
	at := func(name string, files map[string][]byte) string {
		for file, b := range files {
			require.NoError(t, os.MkdirAll(dir+"/"+name+"/"+file[:strings.LastIndexByte("/"+file, '/')], 0o755))
			write(t, dir+"/"+name+"/"+file, b)
		}
		return dir + "/" + name
	}
	packed := func(name string, files map[string][]byte) string {
		at(name, files)
		write(t, dir+"/"+name+".tar", tarOf(t, os.DirFS(dir+"/"+name)))
		return dir + "/" + name + ".tar"
	}
	index := func(d v1.Descriptor) []byte { return encode(t, v1.Index{Manifests: []v1.Descriptor{d}}) }
	blob := func(b []byte) string { return "blobs/sha256/" + digest.FromBytes(b).Encoded() }
	out := digest.FromBytes(secret)
	away := at("away", map[string][]byte{"index.json": index(v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: out, Size: int64(len(secret))}), "blobs/sha256/x": nil})
	require.NoError(t, os.Symlink("../../../secret", away+"/"+blob(secret)))
	for _, c := range []struct {
		ref  string
		kind errs.Kind
		says string
	}{
		{"oci:" + at("index", map[string][]byte{"index.json": large}), errs.Input, "is larger than the 4194304 bytes"},
		{"oci:" + at("manifest", map[string][]byte{"index.json": index(v1.Descriptor{Digest: digest.FromBytes(large), Size: int64(len(large))}), blob(large): large}), errs.Input, "is larger than the 4194304 bytes"},
		{"oci:" + at("page", map[string][]byte{"index.json": []byte("<html>")}), errs.Input, "it is HTML or XML"},
		{"oci:" + at("climbs", map[string][]byte{"index.json": []byte(`{"manifests":[{"digest":"sha256:../../../secret","size":3}]}`)}), errs.Input, "is not a digest"},
		{"oci:" + away, errs.Input, ""},
		{"dir:" + at("dir", map[string][]byte{"manifest.json": large}), errs.Input, "is larger than the 4194304 bytes"},
		{"oci-archive:" + packed("oci", map[string][]byte{"index.json": large}), errs.Input, "is larger than the 4194304 bytes"},
		{"docker-archive:" + packed("saved", map[string][]byte{"manifest.json": large}), errs.Input, "is larger than the 4194304 bytes"},
		{"docker-archive:" + packed("config", map[string][]byte{"manifest.json": []byte(`[{"Config":"c","Layers":[]}]`), "c": large}), errs.Input, "is larger than the 8388608 bytes"},
		{"docker-archive:" + packed("up", map[string][]byte{"manifest.json": []byte(`[{"Config":"../secret","Layers":[]}]`)}), errs.Input, "../secret"},
	} {
		t.Run(c.ref[len(dir):], func(t *testing.T) {
			out := runBad(t, bin, "inspect", c.ref)
			require.Equal(t, c.kind, out.Kind, out.Message)
			require.True(t, strings.HasPrefix(out.Message, c.ref+": "), out.Message)
			require.Contains(t, out.Message, c.says)
			require.Less(t, out.rss, int64(memoryLimit))
		})
	}
}

// TestBadArchives cuts and changes archives at many places: the exit status is one of five, and the message begins with the
// reference, unless what was read is right.
func TestBadArchives(t *testing.T) {
	dir := fixture(t)
	bin := artifact(t, "stevedore")
	exits := map[int]int{}
	for _, c := range []struct{ scheme, file, platform string }{
		{"oci-archive:", "harbor.oci.tar", "linux/amd64"}, {"docker-archive:", "harbor.docker.tar", ""}, {"docker-archive:", "harbor.docker.tar.gz", ""},
	} {
		whole, err := os.ReadFile(dir + "/" + c.file)
		require.NoError(t, err)
		args := []string{"files", c.scheme + dir + "/bad.tar"}
		if c.platform != "" {
			args = append(args, "--platform", c.platform)
		}
		write(t, dir+"/bad.tar", whole)
		right := runBad(t, bin, args...)
		require.Zero(t, right.exit, right.Message)
		for i := range 24 {
			at := len(whole) * (2*i + 1) / 48
			flipped := bytes.Clone(whole)
			flipped[at] ^= 0x10
			for what, bad := range map[string][]byte{"cut": whole[:at], "flipped": flipped} {
				write(t, dir+"/bad.tar", bad)
				out := runBad(t, bin, args...)
				exits[out.exit]++
				if out.exit == 0 {
					require.Equal(t, sha256.Sum256([]byte(right.stdout)), sha256.Sum256([]byte(out.stdout)), "%s %s at %d", c.file, what, at)
					continue
				}
				require.Contains(t, []int{2, 3, 5}, out.exit, "%s %s at %d: %s", c.file, what, at, out.Message)
				require.True(t, strings.HasPrefix(out.Message, c.scheme+dir+"/bad.tar: "), out.Message)
			}
		}
	}
	require.Positive(t, exits[5])
	t.Log(exits)
}
