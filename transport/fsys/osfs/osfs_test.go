package osfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

func create(t *testing.T) *osfs.Dir {
	t.Helper()
	d, err := osfs.Create(filepath.Join(t.TempDir(), "made", "here"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestSuites(t *testing.T) {
	root := t.TempDir()
	d, err := osfs.OpenRoot(root)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	fsystest.Fill(t, d)
	t.Run("host", func(t *testing.T) { fsystest.Host(t, osfs.Host{}, root+string(filepath.Separator)) })
	t.Run("dir", func(t *testing.T) { fsystest.Dir(t, d) })
	t.Run("writable", func(t *testing.T) {
		fsystest.WritableDir(t, func(t *testing.T) fsys.WritableDir { return create(t) })
	})
}

func TestLinksStayInside(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(base, "secret"), []byte("s"), 0o600))
	root := filepath.Join(base, "root")
	require.NoError(t, os.Mkdir(root, 0o700))
	for name, target := range map[string]string{"up": "../secret", "abs": filepath.Join(base, "secret"), "dir": "..", "good": "file"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skip("this platform makes no links here: ", err)
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "file"), []byte("f"), 0o600))
	d, err := osfs.OpenRoot(root)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	for _, name := range []string{"up", "abs", "dir/secret", "dir/root/file"} {
		_, err := d.Open(t.Context(), name)
		require.Error(t, err, name)
		_, err = d.Append(t.Context(), name)
		require.Error(t, err, name)
		require.Error(t, d.Rename(t.Context(), "file", "dir/stolen"))
	}
	_, err = d.Append(t.Context(), "dir/planted")
	require.Error(t, err)
	got, err := d.List(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, []fsys.Entry{{Name: "file", Size: 1}, {Name: "good", Size: 1}}, got)
	f, err := d.Open(t.Context(), "good")
	require.NoError(t, err, "a link that stays inside is followed")
	require.NoError(t, f.Close())
	entries, err := os.ReadDir(base)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing was written outside")
}

func TestDevicesAreInvalid(t *testing.T) {
	if _, err := os.Stat(os.DevNull); err != nil {
		t.Skip("no ", os.DevNull)
	}
	_, err := osfs.Host{}.OpenFile(t.Context(), os.DevNull)
	require.ErrorIs(t, err, fs.ErrInvalid)
}
