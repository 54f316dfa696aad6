package transport_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// writable serves a folder that can be pushed to, for the length of the test.
func writable(t *testing.T) (host string) {
	t.Helper()
	dir, err := osfs.Create(t.TempDir())
	require.NoError(t, err)
	o := depot.New(dir, nil).Serve()
	o.Event = func(e event.Event) { t.Errorf("%s %s: %s", e.Kind, e.Subject, e.Message) }
	srv := httptest.NewServer(nethttp.Handler(serve.New(o)))
	t.Cleanup(func() {
		srv.Close()
		require.NoError(t, dir.Close())
	})
	return strings.TrimPrefix(srv.URL, "http://")
}

// TestServeToOthers has the tools of other projects push to our server, copy inside it, and pull what the others pushed.
func TestServeToOthers(t *testing.T) {
	host, from := writable(t), harbor(t)
	f := nethttp.New(nethttp.Options{})
	t.Cleanup(f.CloseIdle)
	m := transport.New(transport.Options{Files: osfs.Host{}, Fetcher: f})
	want := walk(t, m, "oci:"+from+":latest")
	dir := t.TempDir()
	for name, write := range writers(t, host, from) {
		to := host + "/" + name + "/harbor:v1"
		write(to)
		require.Equal(t, want, walk(t, m, "docker://"+to), name)
	}
	for _, name := range []string{"skopeo", "regctl", "oras", "crane"} {
		at := host + "/" + name + "/harbor:v1"
		require.Equal(t, want.root.String()+"\n", run(t, dir, "crane", "digest", at))
		run(t, dir, "crane", "validate", "--fast", "--remote", at)
		run(t, dir, "regctl", "--host", "reg="+host+",tls=disabled", "image", "copy", at, host+"/moved/"+name+":v1") // mounts
		require.Equal(t, want, walk(t, m, "docker://"+host+"/moved/"+name+":v1"))
	}
	require.Equal(t, "v1\n", run(t, dir, "crane", "ls", host+"/oras/harbor"))
	require.Contains(t, run(t, dir, "crane", "catalog", host), "moved/skopeo\n")
	run(t, dir, "crane", "delete", host+"/oras/harbor@"+want.root.String())
	_, err := tryWalk(t, m, "docker://"+host+"/oras/harbor:v1")
	require.Error(t, err)
	require.Equal(t, want, walk(t, m, "docker://"+host+"/crane/harbor:v1"), "other repositories keep theirs")

	run(t, dir, "cp", from+"/index.json", "sbom.json")
	run(t, dir, "oras", "attach", "--no-tty", "--plain-http", "--artifact-type", "text/x-sbom", host+"/crane/harbor:v1", "sbom.json:application/json")
	require.Contains(t, run(t, dir, "oras", "discover", "--plain-http", host+"/crane/harbor:v1"), "text/x-sbom")
	require.Contains(t, run(t, dir, "regctl", "--host", "reg="+host+",tls=disabled", "artifact", "list", host+"/crane/harbor:v1"), "text/x-sbom")
}
