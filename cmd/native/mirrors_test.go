package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// world is two registries on the loopback, of which one is the mirror of the other.
type world struct {
	mirror, main *loopback
	conf         string
	mu           sync.Mutex
	events       []string
}

// loopback is a registry that writes down what is asked of it.
type loopback struct {
	host string
	mu   sync.Mutex
	seen []string
	down bool
}

func (r *loopback) requests() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := strings.Join(r.seen, "\n")
	r.seen = nil
	return out
}

func newRegistry(t *testing.T, options func(*httptest.Server)) *loopback {
	r := &loopback{}
	h := nethttp.Handler(serve.New(depot.Memory().Serve()))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.seen = append(r.seen, req.Method+" "+req.URL.Path+" "+req.Header.Get("Authorization"))
		down := r.down
		r.mu.Unlock()
		if down {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, req)
	}))
	options(s)
	t.Cleanup(s.Close)
	r.host = s.Listener.Addr().String()
	return r
}

// fill pushes f to a repository and tag, and forgets that it did.
func (r *loopback) fill(t *testing.T, name string, f contenttest.Fixture) {
	t.Helper()
	at, err := ref.Parse(r.host + "/" + name)
	require.NoError(t, err)
	s, err := transport.New(transport.Options{Fetcher: nethttp.New(nethttp.Options{}), Keychain: auth.Static{Username: "user", Password: "secret"}}).Create(t.Context(), at)
	require.NoError(t, err)
	for _, c := range f.Blobs {
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
	}
	for _, c := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	require.NoError(t, s.PutManifest(t.Context(), at.Tag, f.Root))
	require.NoError(t, s.Commit(t.Context()))
	r.requests()
}

func newWorld(t *testing.T, conf func(w *world) string) *world {
	w := &world{mirror: newRegistry(t, (*httptest.Server).Start), main: newRegistry(t, (*httptest.Server).Start)}
	w.conf = filepath.Join(t.TempDir(), "registries.conf")
	require.NoError(t, os.WriteFile(w.conf, []byte(conf(w)), 0o600))
	t.Setenv("CONTAINERS_REGISTRIES_CONF", w.conf)
	t.Setenv("HOME", t.TempDir())
	return w
}

func (w *world) env(t *testing.T, g cli.Global) *core.Env {
	t.Helper()
	env, free, err := environment(t.Context(), g, func(e event.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, string(e.Kind)+" "+e.Subject+" "+e.Message)
	})
	require.NoError(t, err)
	t.Cleanup(free)
	return env
}

func mirrorOf(extra string) func(w *world) string {
	return func(w *world) string {
		return "[[registry]]\nlocation = '" + w.main.host + "'\n[[registry.mirror]]\nlocation = '" + w.mirror.host + "/copy'\n" + extra
	}
}

// digestTag matches the path of a tag that cosign names by a digest.
var digestTag = regexp.MustCompile(`/manifests/sha256-[0-9a-f]{64}\.(sig|att|sbom)$`)

func TestMirrors(t *testing.T) {
	w := newWorld(t, mirrorOf(""))
	f := contenttest.NewIndex()
	w.mirror.fill(t, "copy/a/b:v1", f)
	typed, dst := w.main.host+"/a/b:v1", "oci:"+t.TempDir()+":v1"

	// The mirror has it: the location is asked only for what belongs to it and which the mirror does not have, its list of tags and its
	// digest tags; and output names what was typed.
	out, err := core.Copy(t.Context(), w.env(t, cli.Global{}), core.CopyIn{Source: typed, Destinations: []string{dst}})
	require.NoError(t, err)
	require.Equal(t, typed, out.Source)
	require.Equal(t, f.Root.Digest(), out.Digest)
	for _, line := range strings.Fields(w.main.requests()) {
		if !digestTag.MatchString(line) {
			require.NotContains(t, line, "/manifests/")
		}
		require.NotContains(t, line, "/blobs/")
	}
	require.Contains(t, w.mirror.requests(), "/v2/copy/a/b/manifests/v1")
	require.Contains(t, w.events, "mirror "+typed+" "+w.mirror.host+"/copy/a/b")

	// Without the file it is not there; what only the location has is found there; tags are the location's.
	_, err = core.Digest(t.Context(), w.env(t, cli.Global{NoRegistriesConf: true}), core.DigestIn{Ref: typed})
	require.Equal(t, errs.NotFound, errs.Of(err))
	w.main.fill(t, "a/b:v2", f)
	_, err = core.Digest(t.Context(), w.env(t, cli.Global{}), core.DigestIn{Ref: w.main.host + "/a/b:v2"})
	require.NoError(t, err)
	var tags []string
	for tag, err := range core.Tags(t.Context(), w.env(t, cli.Global{}), core.TagsIn{Ref: w.main.host + "/a/b"}) {
		require.NoError(t, err)
		tags = append(tags, tag)
	}
	require.Equal(t, []string{"v2"}, tags)

	// A mirror that refuses is warned about and passed over.
	w.mirror.down = true
	_, err = core.Digest(t.Context(), w.env(t, cli.Global{}), core.DigestIn{Ref: w.main.host + "/a/b:v2"})
	require.NoError(t, err)
	require.Contains(t, strings.Join(w.events, "\n"), "warning "+w.main.host+"/a/b:v2 not read from the mirror "+w.mirror.host+"/copy/a/b")
}

// TestMirrorsAreNotWritten pushes, and brings in step what the mirror has already and the location has not.
func TestMirrorsAreNotWritten(t *testing.T) {
	w := newWorld(t, mirrorOf(""))
	f := contenttest.NewImage()
	w.mirror.fill(t, "copy/a:v1", f)
	src := newRegistry(t, (*httptest.Server).Start)
	src.fill(t, "a:v1", f)
	env := w.env(t, cli.Global{})
	for it, err := range core.Sync(t.Context(), env, core.SyncIn{Jobs: []core.SyncJob{{Source: src.host + "/a", Destination: w.main.host + "/a", Tags: &xfer.Selection{}}}}) {
		require.NoError(t, err)
		require.Equal(t, "copied", it.Action)
	}
	require.Empty(t, w.mirror.requests())
	require.Contains(t, w.main.requests(), "PUT /v2/a/manifests/v1")
	_, err := core.Delete(t.Context(), env, core.DeleteIn{Ref: w.main.host + "/a:v1", DryRun: true})
	require.NoError(t, err)
	require.Empty(t, w.mirror.requests())
}

func TestMirrorsByDigestOnly(t *testing.T) {
	w := newWorld(t, mirrorOf("pull-from-mirror = 'digest-only'\n"))
	f := contenttest.NewImage()
	w.mirror.fill(t, "copy/a:v1", f)
	env := w.env(t, cli.Global{})
	_, err := core.Digest(t.Context(), env, core.DigestIn{Ref: w.main.host + "/a:v1"})
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.Empty(t, w.mirror.requests())
	_, err = core.Digest(t.Context(), env, core.DigestIn{Ref: w.main.host + "/a@" + f.Root.Digest().String()})
	require.NoError(t, err)
}

// TestMirrorsGetNoCredentials gives some for the location, which no mirror may see.
func TestMirrorsGetNoCredentials(t *testing.T) {
	w := &world{}
	asked := func(s *httptest.Server) {
		h := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				rw.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(rw, r)
		})
		s.Start()
	}
	w.mirror, w.main = newRegistry(t, asked), newRegistry(t, asked)
	w.conf = filepath.Join(t.TempDir(), "registries.conf")
	require.NoError(t, os.WriteFile(w.conf, []byte(mirrorOf("")(w)), 0o600))
	t.Setenv("CONTAINERS_REGISTRIES_CONF", w.conf)
	t.Setenv("HOME", t.TempDir())
	w.main.fill(t, "a:v1", contenttest.NewImage())
	_, err := core.Digest(t.Context(), w.env(t, cli.Global{Creds: "user:secret"}), core.DigestIn{Ref: w.main.host + "/a:v1"})
	require.NoError(t, err)
	require.Empty(t, w.mirror.requests())
	require.Contains(t, w.main.requests(), "Basic ")
}

// TestInsecure reads a registry whose certificate nobody signed, where the file says that this is meant.
func TestInsecure(t *testing.T) {
	r := newRegistry(t, (*httptest.Server).StartTLS)
	w := &world{conf: filepath.Join(t.TempDir(), "registries.conf")}
	t.Setenv("CONTAINERS_REGISTRIES_CONF", w.conf)
	t.Setenv("HOME", t.TempDir())
	g := cli.Global{PlainHTTP: "false"}
	_, err := core.Digest(t.Context(), w.env(t, g), core.DigestIn{Ref: r.host + "/a:v1"})
	require.Equal(t, errs.Network, errs.Of(err))
	require.NoError(t, os.WriteFile(w.conf, []byte("[[registry]]\nlocation = '"+r.host+"'\ninsecure = true\n"), 0o600))
	_, err = core.Digest(t.Context(), w.env(t, g), core.DigestIn{Ref: r.host + "/a:v1"})
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.True(t, speaksTLS(r.host))
	require.False(t, speaksTLS(newRegistry(t, (*httptest.Server).Start).host))
}

func TestBlocked(t *testing.T) {
	w := newWorld(t, func(w *world) string { return "[[registry]]\nlocation = '" + w.main.host + "'\nblocked = true\n" })
	env := w.env(t, cli.Global{})
	_, err := core.Digest(t.Context(), env, core.DigestIn{Ref: w.main.host + "/a:v1"})
	require.Equal(t, errs.Denied, errs.Of(err))
	require.ErrorContains(t, err, w.conf)
	_, err = core.Copy(t.Context(), env, core.CopyIn{Source: w.mirror.host + "/a:v1", Destinations: []string{w.main.host + "/a:v1"}, DryRun: true})
	require.Error(t, err)
	require.Empty(t, w.main.requests())
}
