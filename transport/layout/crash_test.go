package layout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// fill copies f into a layout, one blob at a time, and stops at the first error.
func fill(ctx context.Context, d fsys.WritableDir, f contenttest.Fixture, blob func(contenttest.Content) content.Blob) error {
	s, err := layout.Create(ctx, d, "oci:x", clock.System{})
	if err != nil {
		return err
	}
	return errors.Join(put(ctx, s, f, blob), s.Close())
}

func put(ctx context.Context, s content.Sink, f contenttest.Fixture, blob func(contenttest.Content) content.Blob) error {
	for _, c := range f.Blobs {
		if _, err := s.PutBlob(ctx, blob(c)); err != nil {
			return err
		}
	}
	for _, c := range f.Children {
		if err := s.PutManifest(ctx, "", c); err != nil {
			return err
		}
	}
	if err := s.PutManifest(ctx, f.Tag, f.Root); err != nil {
		return err
	}
	return s.Commit(ctx)
}

func plain(c contenttest.Content) content.Blob { return c.Blob() }

// whole reads everything that the tags of a layout lead to, and returns the tags. A folder that is no layout has none.
func whole(t *testing.T, d fsys.Dir) map[string]oci.Document {
	t.Helper()
	out := map[string]oci.Document{}
	s, err := layout.Open(t.Context(), d, "oci:x")
	if errs.Of(err) == errs.Input {
		_, err := fsys.ReadFile(t.Context(), d, "index.json", oci.MaxManifest)
		require.Error(t, err, "an index.json is whole, or not there")
		return out
	}
	require.NoError(t, err)
	for _, e := range s.Entries() {
		doc, err := s.Manifest(t.Context(), e.Digest.String())
		require.NoError(t, err)
		readAll(t, s, doc)
		out[e.Annotations[v1.AnnotationRefName]] = doc
	}
	return out
}

func readAll(t *testing.T, s *layout.Source, doc oci.Document) {
	t.Helper()
	if doc.IsIndex() {
		x, err := doc.Index()
		require.NoError(t, err)
		for _, d := range x.Manifests {
			child, err := s.Manifest(t.Context(), d.Digest.String())
			require.NoError(t, err, "a child is missing")
			readAll(t, s, child)
		}
		return
	}
	m, err := doc.Manifest()
	require.NoError(t, err)
	for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		r, err := s.Blob(d).Open(t.Context())
		require.NoError(t, err, "a blob is missing")
		_, err = io.Copy(io.Discard, r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
}

// counted tells how many bytes of a blob are read, and where reading begins.
type counted struct {
	content.Blob
	c    contenttest.Content
	read *int64
}

func (c counted) OpenAt(_ context.Context, offset int64) (io.ReadCloser, error) {
	*c.read += c.c.Descriptor.Size - offset
	b := c.c.Bytes[offset:]
	return io.NopCloser(io.NewSectionReader(readerAt(b), 0, int64(len(b)))), nil
}

type readerAt []byte

func (b readerAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// kept is how many bytes of blobs a folder has, whole or in part.
func kept(t *testing.T, d fsys.Dir, f contenttest.Fixture) (total int64) {
	t.Helper()
	for _, c := range f.Blobs {
		for _, place := range []string{"blobs", "partial"} {
			file, err := d.Open(t.Context(), place+"/sha256/"+c.Descriptor.Digest.Encoded())
			if err == nil {
				total += file.Size()
				require.NoError(t, file.Close())
				break
			}
		}
	}
	return total
}

// TestCrashPoints lets a copy into a layout that has an older image under the same tag fail, or end, at every operation.
func TestCrashPoints(t *testing.T) {
	old, f := contenttest.NewImage(), contenttest.NewIndex()
	f.Blobs = unique(f.Blobs)
	var size int64
	for _, c := range f.Blobs {
		size += c.Descriptor.Size
	}
	hosts := map[string]func(t *testing.T) fsys.WritableDir{
		"memory": func(*testing.T) fsys.WritableDir { return memfs.New() },
		"files": func(t *testing.T) fsys.WritableDir {
			d, err := osfs.Create(filepath.Join(t.TempDir(), "l"))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, d.Close()) })
			return keptOpen{d}
		},
	}
	stride := map[string]int64{"memory": 1, "files": 7} // a disk takes its time to sync
	for name, open := range hosts {
		for _, stop := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/stop=%v", name, stop), func(t *testing.T) {
				done := false
				for n := int64(1); !done; n += stride[name] {
					d := open(t)
					require.NoError(t, fill(t.Context(), d, old, plain))
					faults := &fsystest.Faults{At: n, Err: syscall.EIO, Stop: stop}
					err := fill(t.Context(), faults.Dir(d), f, plain)
					done = !faults.Happened()
					require.True(t, !done || err == nil, "%v", err)

					tagged := whole(t, d)[f.Tag]
					require.Contains(t, []oci.Document{old.Root, f.Root}, tagged, "operation %d: %v", n, err)
					if err == nil {
						require.Equal(t, f.Root, tagged)
					}
					had, read := kept(t, d, f), int64(0)
					err = fill(t.Context(), d, f, func(c contenttest.Content) content.Blob { return counted{c.Blob(), c, &read} })
					require.NoError(t, err)
					require.Equal(t, size-had, read, "operation %d: what is there is not read again", n)
					require.Equal(t, map[string]oci.Document{f.Tag: f.Root}, whole(t, d))
					tidy(t, d)
				}
			})
		}
	}
}

// keptOpen is a directory that several sinks use in turn.
type keptOpen struct{ *osfs.Dir }

func (keptOpen) Close() error { return nil }

func (k keptOpen) Unwrap() any { return k.Dir }

func unique(in []contenttest.Content) (out []contenttest.Content) {
	seen := map[string]bool{}
	for _, c := range in {
		if d := c.Descriptor.Digest.String(); !seen[d] {
			seen[d] = true
			out = append(out, c)
		}
	}
	return out
}

// tidy says that there is nothing but the layout.
func tidy(t *testing.T, d fsys.Dir) {
	t.Helper()
	left, err := d.List(t.Context(), ".")
	require.NoError(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name)
	}
	require.Equal(t, []string{"blobs", "index.json", "oci-layout"}, names)
}

// TestCopiesAtOnce writes different tags into one layout from several sinks, each blob from all of them.
func TestCopiesAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "l")
	f := contenttest.NewIndex()
	var wg sync.WaitGroup
	want := map[string]oci.Document{}
	for _, tag := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		want[tag] = f.Root
		wg.Go(func() {
			g := f
			g.Tag = tag
			d, err := osfs.Create(dir)
			if err == nil {
				err = fill(t.Context(), d, g, plain)
			}
			if err != nil {
				t.Errorf("%s: %v", tag, err)
			}
		})
	}
	wg.Wait()
	d, err := osfs.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	require.Equal(t, want, whole(t, d))
	tidy(t, d)
}

// TestDiskFull says which endpoint it was, at whatever operation there was no more room.
func TestDiskFull(t *testing.T) {
	f := contenttest.NewImage()
	for n := int64(1); ; n++ {
		m := memfs.New()
		faults := &fsystest.Faults{At: n, Err: syscall.ENOSPC}
		err := fill(t.Context(), faults.Dir(m), f, plain)
		if !faults.Happened() {
			require.NoError(t, err)
			return
		}
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC, "operation %d", n)
			require.ErrorContains(t, err, "oci:x: ")
		}
	}
}
