package osfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestPendingAppearsWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o600))
	p, err := osfs.CreatePending(name)
	require.NoError(t, err)
	_, err = p.Write([]byte("new"))
	require.NoError(t, err)
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "old", string(got), "the old file is there until the new one is whole")
	require.NoError(t, p.Close())
	got, err = os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	require.Equal(t, []string{"out"}, entries(t, dir))

	p, err = osfs.CreatePending(name)
	require.NoError(t, err)
	_, err = p.Write([]byte("half"))
	require.NoError(t, err)
	p.Abort(errors.New("broken"))
	got, err = os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	require.Equal(t, []string{"out"}, entries(t, dir))
}

func TestPendingFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "real"), []byte("old"), 0o600))
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "link")))
	p, err := osfs.CreatePending(filepath.Join(dir, "link"))
	require.NoError(t, err)
	_, err = p.Write([]byte("new"))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	got, err := os.ReadFile(filepath.Join(dir, "real"))
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	require.Equal(t, []string{"link", "real"}, entries(t, dir))
}

func TestPendingLeavesDevicesAlone(t *testing.T) {
	before, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	p, err := osfs.CreatePending(os.DevNull)
	require.NoError(t, err)
	_, err = p.Write([]byte("gone"))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	after, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "the device was not replaced by a file")
}

func TestPendingErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	_, err := osfs.CreatePending(dir)
	require.ErrorIs(t, err, fs.ErrInvalid)
	name := filepath.Join(dir, "no", "such", "folder")
	_, err = osfs.CreatePending(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	var pe *fs.PathError
	require.ErrorAs(t, err, &pe)
	require.Equal(t, name, pe.Path)
}
