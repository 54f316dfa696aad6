package fsys_test

import (
	"context"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// oneDir is a host whose one directory is d.
type oneDir struct{ d fsys.WritableDir }

func (h oneDir) CreateDir(context.Context, string) (fsys.WritableDir, error) { return h.d, nil }

func (h oneDir) Place(_ context.Context, name string) (fsys.WritableDir, string, error) {
	return h.d, path.Base(name), nil
}

func TestUnsyncedHostSyncsNothing(t *testing.T) {
	for name, synced := range map[string]bool{"as it is": true, "unsynced": false} {
		t.Run(name, func(t *testing.T) {
			var lost []string
			var host fsys.WritableHost = oneDir{fsystest.NewDisk(memfs.New(), func(_ string, l []string) { lost = l })}
			if !synced {
				host = fsys.UnsyncedHost(host)
			}
			d, err := host.CreateDir(t.Context(), "dir")
			require.NoError(t, err)
			placed, file, err := host.Place(t.Context(), "dir/placed")
			require.NoError(t, err)
			write := func(dir fsys.WritableDir, name string) {
				w, err := dir.Append(t.Context(), name)
				require.NoError(t, err)
				_, err = w.Write([]byte("content"))
				require.NoError(t, err)
				require.NoError(t, w.Sync())
				require.NoError(t, w.Close())
				require.NoError(t, dir.Sync(t.Context(), "."))
			}
			write(d, "blob")
			write(placed, file)
			require.NoError(t, d.Rename(t.Context(), "blob", "renamed"))
			if synced {
				require.Equal(t, []string{"renamed"}, lost) // the name alone, until its directory is synced
			} else {
				require.Equal(t, []string{"placed", "renamed"}, lost)
			}
			require.ErrorContains(t, d.Sync(t.Context(), "../out"), "invalid")
		})
	}
}
