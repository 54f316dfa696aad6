package fsystest

import (
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// WritableDir checks a directory that open returns empty each time.
func WritableDir(t *testing.T, open func(t *testing.T) fsys.WritableDir) {
	t.Run("filled, it reads", func(t *testing.T) {
		d := open(t)
		Fill(t, d)
		Dir(t, d)
	})
	t.Run("append", func(t *testing.T) { appends(t, open(t)) })
	t.Run("rename", func(t *testing.T) { renames(t, open(t)) })
	t.Run("remove", func(t *testing.T) {
		d := open(t)
		Write(t, d, "x/y", "1")
		require.NoError(t, d.Remove(t.Context(), "x/y"))
		_, err := d.Open(t.Context(), "x/y")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, d.Remove(t.Context(), "x/y"), "what is not there is no error")
	})
	t.Run("names stay inside", func(t *testing.T) {
		d := open(t)
		Write(t, d, "in", "1")
		for _, name := range outside {
			_, err := d.Append(t.Context(), name)
			require.ErrorIs(t, err, fs.ErrInvalid, name)
			require.ErrorIs(t, d.Rename(t.Context(), "in", name), fs.ErrInvalid, name)
			require.ErrorIs(t, d.Rename(t.Context(), name, "in"), fs.ErrInvalid, name)
			require.ErrorIs(t, d.Remove(t.Context(), name), fs.ErrInvalid, name)
		}
		got, err := d.List(t.Context(), ".")
		require.NoError(t, err)
		require.Equal(t, []fsys.Entry{{Name: "in", Size: 1}}, got)
	})
}

func appends(t *testing.T, d fsys.WritableDir) {
	w, err := d.Append(t.Context(), "new/dir/file")
	require.NoError(t, err)
	require.Zero(t, w.Size())
	_, err = io.WriteString(w, "one")
	require.NoError(t, err)
	require.EqualValues(t, 3, w.Size())
	require.NoError(t, w.Sync())
	require.NoError(t, w.Close())

	w, err = d.Append(t.Context(), "new/dir/file")
	require.NoError(t, err)
	require.EqualValues(t, 3, w.Size(), "what is there counts")
	_, err = io.WriteString(w, "two")
	require.NoError(t, err)
	require.NoError(t, w.Close())

	f, err := d.Open(t.Context(), "new/dir/file")
	require.NoError(t, err)
	require.Equal(t, "onetwo", readAll(t, f))
	_, err = d.Append(t.Context(), "new/dir/file/below")
	require.Error(t, err, "a file is no directory")
	_, err = d.Append(t.Context(), "new/dir")
	require.Error(t, err, "a directory is no file")
}

func renames(t *testing.T, d fsys.WritableDir) {
	Write(t, d, "old", "new content")
	Write(t, d, "there/already", "old content")
	require.NoError(t, d.Rename(t.Context(), "old", "there/already"))
	f, err := d.Open(t.Context(), "there/already")
	require.NoError(t, err)
	require.Equal(t, "new content", readAll(t, f))
	_, err = d.Open(t.Context(), "old")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, d.Rename(t.Context(), "old", "elsewhere"), fs.ErrNotExist)
}
