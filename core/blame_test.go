package core_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// TestErrorsNameTheEnd: who reads of a broken or missing blob has to know which end it is at.
func TestErrorsNameTheEnd(t *testing.T) {
	const layer = "fe75dd1f27355990d44a4592840c014f8a90526f518466f0dde6ba3aec3e303a"
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}, Fetcher: serve.New(depot.Memory().Serve())})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	for name, harm := range map[string]func(file string) error{
		"flipped": func(file string) error { return os.WriteFile(file, make([]byte, 1028735), 0o600) },
		"shorter": func(file string) error { return os.WriteFile(file, []byte("short"), 0o600) },
		"missing": os.Remove,
	} {
		src := t.TempDir()
		require.NoError(t, os.CopyFS(src, os.DirFS("../testdata/harbor")))
		file := filepath.Join(src, "blobs", "sha256", layer)
		require.NoError(t, os.Chmod(file, 0o600))
		require.NoError(t, harm(file))
		dst := t.TempDir()
		for _, to := range []string{"oci:" + dst + "/l:x", "oci-archive:" + dst + "/a.tar", "dir:" + dst + "/d", "static:" + dst + "/s:a/b:x", "localhost/a:x"} {
			_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:" + src + ":amd64", Destinations: []string{to}})
			require.Error(t, err, name)
			require.Contains(t, []errs.Kind{errs.Verification, errs.NotFound}, errs.Of(err), name)
			require.ErrorContains(t, err, "oci:"+src+":amd64: sha256:"+layer, "%s to %s", name, to)
			require.NotContains(t, err.Error(), to, name)
		}
	}
	full := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(full, nil, 0o600))
	_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:../testdata/harbor:amd64", Destinations: []string{"oci:" + full + ":x"}})
	require.ErrorContains(t, err, "oci:"+full+":x: is not a directory")
}
