// Package fsystest has the suites that every file system of package fsys passes.
package fsystest

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Files is the tree that the reading suites expect: names to content.
func Files() map[string]string {
	return map[string]string{
		"a.txt":           "alpha",
		"empty":           "",
		"deep/b.txt":      "beta",
		"deep/down/c.bin": strings.Repeat("0123456789abcdef", 200<<10>>4),
	}
}

// Host checks a Host that has [Files] in the directory prefix, which ends with the platform's separator or is "".
func Host(t *testing.T, h fsys.Host, prefix string) {
	ctx := t.Context()
	t.Run("open file", func(t *testing.T) {
		f, err := h.OpenFile(ctx, prefix+"a.txt")
		require.NoError(t, err)
		require.EqualValues(t, 5, f.Size())
		require.Equal(t, "alpha", readAll(t, f))
	})
	t.Run("missing", func(t *testing.T) {
		_, err := h.OpenFile(ctx, prefix+"nope")
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = h.OpenDir(ctx, prefix+"nope")
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
	t.Run("wrong kind", func(t *testing.T) {
		_, err := h.OpenFile(ctx, prefix+"deep")
		require.ErrorIs(t, err, fs.ErrInvalid, "a directory is not a file")
		_, err = h.OpenDir(ctx, prefix+"a.txt")
		require.ErrorIs(t, err, fs.ErrInvalid, "a file is not a directory")
	})
	t.Run("open directory", func(t *testing.T) {
		d, err := h.OpenDir(ctx, prefix+"deep")
		require.NoError(t, err)
		defer func() { require.NoError(t, d.Close()) }()
		f, err := d.Open(ctx, "down/c.bin")
		require.NoError(t, err)
		require.Equal(t, Files()["deep/down/c.bin"], readAll(t, f))
	})
}

// Dir checks a Dir whose content is [Files].
func Dir(t *testing.T, d fsys.Dir) {
	ctx := t.Context()
	t.Run("every file", func(t *testing.T) {
		for name, want := range Files() {
			f, err := d.Open(ctx, name)
			require.NoError(t, err, name)
			require.EqualValues(t, len(want), f.Size(), name)
			require.Equal(t, want, readAll(t, f), name)
		}
	})
	t.Run("read at", func(t *testing.T) { readAt(t, d) })
	t.Run("concurrent reads", func(t *testing.T) { concurrent(t, d) })
	t.Run("list", func(t *testing.T) {
		for dir, want := range map[string][]fsys.Entry{
			".":    {{Name: "a.txt", Size: 5}, {Name: "deep", Dir: true}, {Name: "empty"}},
			"deep": {{Name: "b.txt", Size: 4}, {Name: "down", Dir: true}},
		} {
			got, err := d.List(ctx, dir)
			require.NoError(t, err, dir)
			require.Equal(t, want, got, dir)
		}
		_, err := d.List(ctx, "nope")
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
	t.Run("missing", func(t *testing.T) {
		_, err := d.Open(ctx, "deep/nope")
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = d.Open(ctx, "deep")
		require.ErrorIs(t, err, fs.ErrInvalid)
	})
	t.Run("names stay inside", func(t *testing.T) {
		for _, name := range outside {
			_, err := d.Open(ctx, name)
			require.ErrorIs(t, err, fs.ErrInvalid, name)
			_, err = d.List(ctx, name)
			require.ErrorIs(t, err, fs.ErrInvalid, name)
		}
	})
}

// outside are names that no Dir may take.
var outside = []string{"..", "../a.txt", "deep/../../a.txt", "deep/../a.txt", "/a.txt", "/etc/passwd", "", "deep//b.txt", "./a.txt", "deep/"}

func readAt(t *testing.T, d fsys.Dir) {
	want := Files()["deep/down/c.bin"]
	f, err := d.Open(t.Context(), "deep/down/c.bin")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	for _, off := range []int{100_000, 0, 7, len(want) - 5, 65_536} { // backwards too
		b := make([]byte, 5)
		n, err := f.ReadAt(b, int64(off))
		if err != io.EOF || off+5 < len(want) {
			require.NoError(t, err)
		}
		require.Equal(t, want[off:off+5], string(b[:n]))
	}
	b := make([]byte, 10)
	n, err := f.ReadAt(b, int64(len(want)-3))
	require.ErrorIs(t, err, io.EOF, "a short read says why (io.ReaderAt)")
	require.Equal(t, want[len(want)-3:], string(b[:n]))
	_, err = f.ReadAt(b, int64(len(want)))
	require.ErrorIs(t, err, io.EOF)
	_, err = f.ReadAt(b, -1)
	require.Error(t, err)
}

func concurrent(t *testing.T, d fsys.Dir) {
	want := []byte(Files()["deep/down/c.bin"])
	f, err := d.Open(t.Context(), "deep/down/c.bin")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			got, err := io.ReadAll(io.NewSectionReader(f, int64(i*1000), int64(len(want))))
			if err != nil || !bytes.Equal(got, want[i*1000:]) {
				t.Errorf("reader %d got %d bytes, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
}

func readAll(t *testing.T, f fsys.File) string {
	t.Helper()
	r := fsys.NewReader(context.Background(), f, 0)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(b)
}

// Fill writes [Files] through Append.
func Fill(t *testing.T, d fsys.WritableDir) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(Files())) {
		Write(t, d, name, Files()[name])
	}
}

// Write appends content to a file.
func Write(t *testing.T, d fsys.WritableDir, name, content string) {
	t.Helper()
	w, err := d.Append(t.Context(), name)
	require.NoError(t, err, name)
	_, err = io.WriteString(w, content)
	require.NoError(t, err, name)
	require.NoError(t, w.Close(), name)
}
