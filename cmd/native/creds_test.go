package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// guarded is a registry on the loopback that wants to know who asks, and keeps what it was told.
type guarded struct {
	host string
	mu   sync.Mutex
	told []string
}

func (g *guarded) secrets() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.told)
	out := slices.Compact(g.told)
	g.told = nil
	return out
}

func newGuarded(t *testing.T, secret string) *guarded {
	t.Helper()
	g := &guarded{}
	h := nethttp.Handler(serve.New(depot.Memory().Serve()))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if ok {
			g.mu.Lock()
			g.told = append(g.told, user+":"+password)
			g.mu.Unlock()
		}
		if user+":"+password != secret {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	g.host = strings.TrimPrefix(s.URL, "http://")
	return g
}

// TestCredsGoToOneRegistry: a password on the command line is for the registry that it was given for.
func TestCredsGoToOneRegistry(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("CONTAINERS_REGISTRIES_CONF", filepath.Join(dir, "none"))
	a, b := newGuarded(t, "ann:1"), newGuarded(t, "bob:2")
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := cli.Run(t.Context(), args, cli.Shell{Stdout: &out, Stderr: &out, Env: environment, Create: create, Registries: true})
		return code, out.String()
	}
	layout := filepath.Join(dir, "layout")
	require.NoError(t, os.CopyFS(layout, os.DirFS("../../testdata/harbor")))
	code, out := run("copy", "--creds", "ann:1", "oci:"+layout+":amd64", a.host+"/app:v1", a.host+"/other:v1")
	require.Zero(t, code, out)
	require.Equal(t, []string{"ann:1"}, a.secrets())

	jobs := filepath.Join(dir, "jobs")
	require.NoError(t, os.WriteFile(jobs, []byte(a.host+"/app:v1 "+b.host+"/app:v1\n"), 0o644))
	for _, args := range [][]string{
		{"copy", "--creds", "ann:1", a.host + "/app:v1", b.host + "/app:v1"},
		{"copy", "--dest-creds", "bob:2", "oci:" + layout + ":amd64", a.host + "/x:v1", b.host + "/x:v1"},
		{"copy", "--creds", "ann:1", "--src-creds", "ann:1", a.host + "/app:v1", "oci:" + layout + ":x"},
		{"sync", "--creds", "ann:1", jobs},
		{"bundle", "--creds", "ann:1", filepath.Join(dir, "b.tar"), a.host + "/app:v1", b.host + "/app:v1"},
		{"bundle", "--creds", "ann:1", "--since", b.host, filepath.Join(dir, "b.tar"), a.host + "/app:v1"},
	} {
		code, out := run(args...)
		require.Equal(t, errs.Input.Exit(), code, "%v: %s", args, out)
		require.Empty(t, append(a.secrets(), b.secrets()...), "%v", args)
	}
	for _, args := range [][]string{
		{"copy", "--src-creds", "ann:1", "--dest-creds", "bob:2", a.host + "/app:v1", b.host + "/app:v1", b.host + "/app:v2"},
		{"sync", "--src-creds", "ann:1", "--dest-creds", "bob:2", jobs},
	} {
		code, out := run(args...)
		require.Zero(t, code, "%v: %s", args, out)
		require.Equal(t, []string{"ann:1"}, a.secrets())
		require.Equal(t, []string{"bob:2"}, b.secrets())
	}
	code, out = run("copy", "--src-creds", "ann:1", a.host+"/app:v1", b.host+"/app:v3")
	require.Equal(t, errs.Unauthorized.Exit(), code, out)
	require.Empty(t, b.secrets())
	code, out = run("copy", "--src-creds", "ann", a.host+"/app:v1", b.host+"/app:v3")
	require.Equal(t, errs.Input.Exit(), code)
	require.Contains(t, out, "--src-creds: is not user:password")
}

// TestGivenIsForOne also where nobody saw a second registry coming, as in a list of registries.
func TestGivenIsForOne(t *testing.T) {
	k, err := keychain(cli.Global{Creds: "ann:1"}, "--creds", nil)
	require.NoError(t, err)
	for range 2 {
		c, err := k.Credential(t.Context(), "a.example")
		require.NoError(t, err)
		require.Equal(t, "ann", c.Username)
	}
	_, err = k.Credential(t.Context(), "b.example")
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "was sent to a.example")
}

// TestEnds: what is said of one end of a copy is not said of the other one.
func TestEnds(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("CONTAINERS_REGISTRIES_CONF", filepath.Join(dir, "none"))
	secure := httptest.NewTLSServer(nethttp.Handler(serve.New(depot.Memory().Serve())))
	t.Cleanup(secure.Close)
	plain := newGuarded(t, "ann:1")
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := cli.Run(t.Context(), args, cli.Shell{Stdout: &out, Stderr: &out, Env: environment, Create: create, Registries: true})
		return code, out.String()
	}
	auth := filepath.Join(dir, "auth.json")
	require.NoError(t, os.WriteFile(auth, []byte(`{"auths":{"`+plain.host+`":{"auth":"YW5uOjE="}}}`), 0o600))
	there, here := strings.TrimPrefix(secure.URL, "https://")+"/app:v1", plain.host+"/app:v1"
	code, out := run("copy", "--plain-http=false", "--dest-insecure-skip-tls-verify", "oci:../../testdata/harbor:amd64", there)
	require.Zero(t, code, out)
	trust := []string{"--src-plain-http=false", "--src-insecure-skip-tls-verify"}
	code, out = run(append(trust, "copy", there, here)...)
	require.Equal(t, errs.Input.Exit(), code, "flags of a verb stand after it: %s", out)
	code, out = run(append([]string{"copy", there, here, "--dest-authfile", auth}, trust...)...)
	require.Zero(t, code, out)
	require.Equal(t, []string{"ann:1"}, plain.secrets())
	for _, args := range [][]string{{"--src-plain-http=false"}, {"--dest-plain-http=false", "--dest-insecure-skip-tls-verify"}} {
		code, out = run(append([]string{"copy", there, here, "--dest-authfile", auth}, args...)...)
		require.NotZero(t, code, "%v: %s", args, out)
	}
	code, out = run("copy", there, here, "--dest-plain-http=maybe")
	require.Equal(t, errs.Input.Exit(), code)
	require.Contains(t, out, `--dest-plain-http: "maybe" is neither true nor false`)
}
