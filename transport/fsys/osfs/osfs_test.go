package osfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
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
	t.Run("writable host", func(t *testing.T) {
		fsystest.WritableHost(t, osfs.Host{}, osfs.Host{}, t.TempDir()+string(filepath.Separator))
	})
	t.Run("locker", func(t *testing.T) {
		dir := t.TempDir()
		fsystest.Locker(t, func(t *testing.T) fsys.WritableDir {
			d, err := osfs.OpenRoot(dir)
			require.NoError(t, err)
			t.Cleanup(func() { _ = d.Close() })
			return d
		})
	})
}

func TestLink(t *testing.T) {
	from, target := t.TempDir(), t.TempDir()
	to, err := osfs.OpenRoot(target)
	require.NoError(t, err)
	defer func() { require.NoError(t, to.Close()) }()
	src, err := osfs.OpenRoot(from)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	fsystest.Write(t, src, "deep/file", "content")
	require.NoError(t, os.Symlink("file", filepath.Join(from, "deep", "link")))
	link := func(f fsys.File, name string) bool {
		t.Helper()
		ok, err := to.Link(t.Context(), f, name)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		return ok
	}
	open := func(name string) fsys.File {
		t.Helper()
		f, err := src.Open(t.Context(), name)
		require.NoError(t, err)
		return f
	}
	require.True(t, link(open("deep/file"), "new/name"))
	got, err := fsys.ReadFile(t.Context(), to, "new/name", 100)
	require.NoError(t, err)
	require.Equal(t, "content", string(got))

	require.False(t, link(open("deep/link"), "other"), "the link would be linked, not the file")
	require.NoError(t, os.Symlink(from, filepath.Join(target, "out")))
	ok, err := to.Link(t.Context(), open("deep/file"), "out/stolen")
	require.False(t, ok, "%v", err)
	require.NoError(t, os.Remove(filepath.Join(target, "out")))
	f := open("deep/file")
	require.NoError(t, os.Rename(filepath.Join(from, "deep", "file"), filepath.Join(from, "deep", "old")))
	require.NoError(t, os.WriteFile(filepath.Join(from, "deep", "file"), []byte("another"), 0o600))
	require.False(t, link(f, "other"), "the name leads to another file now")
	m, err := memfs.From(map[string][]byte{"x": nil}).Open(t.Context(), "x")
	require.NoError(t, err)
	require.False(t, link(m, "other"), "there is no file to link")
	entries, err := to.List(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, []fsys.Entry{{Name: "new", Dir: true}}, entries, "nothing is left of what failed")
	ok, err = to.Link(t.Context(), open("deep/old"), "../out")
	require.False(t, ok)
	require.ErrorIs(t, err, fs.ErrInvalid)
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
		require.ErrorIs(t, err, fs.ErrInvalid, name)
		require.ErrorContains(t, err, "it leads out of the directory")
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

// TestUnsyncedHost holds for a directory that never syncs what holds for one that does, locks and links included.
func TestUnsyncedHost(t *testing.T) {
	host := fsys.UnsyncedHost(osfs.Host{})
	open := func(t *testing.T, path string) fsys.WritableDir {
		t.Helper()
		d, err := host.CreateDir(t.Context(), path)
		require.NoError(t, err)
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	t.Run("host", func(t *testing.T) {
		fsystest.WritableHost(t, host, osfs.Host{}, t.TempDir()+string(filepath.Separator))
	})
	t.Run("dir", func(t *testing.T) {
		fsystest.WritableDir(t, func(t *testing.T) fsys.WritableDir { return open(t, t.TempDir()) })
	})
	t.Run("locker", func(t *testing.T) {
		dir := t.TempDir()
		fsystest.Locker(t, func(t *testing.T) fsys.WritableDir { return open(t, dir) })
	})
	t.Run("linker", func(t *testing.T) {
		d := open(t, t.TempDir())
		fsystest.Write(t, d, "file", "content")
		f, err := d.Open(t.Context(), "file")
		require.NoError(t, err)
		defer func() { require.NoError(t, f.Close()) }()
		linker, ok := content.As[fsys.Linker](d)
		require.True(t, ok)
		linked, err := linker.Link(t.Context(), f, "other")
		require.NoError(t, err)
		require.True(t, linked)
	})
}
