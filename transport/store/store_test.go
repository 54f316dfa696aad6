package store_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/store"
)

func TestSuites(t *testing.T) {
	kinds := map[string]func(t *testing.T) fsys.WritableDir{
		"memory": func(*testing.T) fsys.WritableDir { return memfs.New() },
		"files": func(t *testing.T) fsys.WritableDir {
			d, err := osfs.Create(filepath.Join(t.TempDir(), "store"))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, d.Close()) })
			return d
		},
	}
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			contenttest.Store(t, func(t *testing.T) func() content.Store {
				d := open(t)
				return func() content.Store { return store.New(d) }
			})
		})
	}
}

// TestForeignFiles are passed over: a store can be the blobs of an image layout that other tools write to.
func TestForeignFiles(t *testing.T) {
	c := contenttest.NewContent("", []byte("blob"))
	d, err := osfs.Create(t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	for _, name := range []string{"sha256/README", "md5/d41d8cd98f00b204e9800998ecf8427e", "sha256/deep/er", "x"} {
		fsystest.Write(t, d, "blobs/"+name, "")
	}
	fsystest.Write(t, d, "blobs/sha256/"+c.Descriptor.Digest.Encoded(), string(c.Bytes))
	var got []v1.Descriptor
	for d, err := range store.New(d).List(t.Context()) {
		require.NoError(t, err)
		got = append(got, d)
	}
	require.Equal(t, []v1.Descriptor{{Digest: c.Descriptor.Digest, Size: 4}}, got)
}

func TestWaitingForAWriterCanBeCancelled(t *testing.T) {
	s := store.Memory()
	d := contenttest.NewContent("", []byte("blob")).Descriptor
	w, err := s.Create(t.Context(), d)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Create(ctx, d)
	require.Equal(t, errs.Cancelled, errs.Of(err), "%v", err)
	require.NoError(t, w.Close())
	w, err = s.Create(t.Context(), d)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

// ranged counts what is read of a blob.
type ranged struct {
	content.Blob
	b    []byte
	read *int
}

func (r ranged) OpenAt(_ context.Context, off int64) (io.ReadCloser, error) {
	*r.read += len(r.b) - int(off)
	return io.NopCloser(bytes.NewReader(r.b[off:])), nil
}

func TestPut(t *testing.T) {
	c := contenttest.NewContent("", bytes.Repeat([]byte("0123456789"), 1000))
	partial := func(t *testing.T, b []byte) *store.Store {
		s := store.Memory()
		w, err := s.Create(t.Context(), c.Descriptor)
		require.NoError(t, err)
		_, err = w.Write(b)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return s
	}
	t.Run("goes on where it broke off", func(t *testing.T) {
		read := 0
		how, err := store.Put(t.Context(), partial(t, c.Bytes[:9000]), ranged{c.Blob(), c.Bytes, &read})
		require.NoError(t, err)
		require.Equal(t, content.Stored, how)
		require.Equal(t, 1000, read)
	})
	t.Run("without ranges", func(t *testing.T) {
		_, err := store.Put(t.Context(), partial(t, c.Bytes[:9000]), c.Blob())
		require.NoError(t, err)
	})
	t.Run("all of it was there", func(t *testing.T) {
		read := 0
		_, err := store.Put(t.Context(), partial(t, c.Bytes), ranged{c.Blob(), c.Bytes, &read})
		require.NoError(t, err)
		require.Zero(t, read)
	})
	t.Run("what was there is wrong", func(t *testing.T) {
		s, read := partial(t, make([]byte, 9000)), 0
		how, err := store.Put(t.Context(), s, ranged{c.Blob(), c.Bytes, &read})
		require.NoError(t, err, "the wrong part was dropped")
		require.Equal(t, content.Stored, how)
		require.Equal(t, 1000+len(c.Bytes), read, "and all of it read once")
		how, err = store.Put(t.Context(), s, c.Blob())
		require.NoError(t, err)
		require.Equal(t, content.Existed, how)
	})
	t.Run("what is there has another size", func(t *testing.T) {
		files := memfs.From(map[string][]byte{"blobs/sha256/" + c.Descriptor.Digest.Encoded(): []byte("cut short")})
		how, err := store.Put(t.Context(), store.New(files), c.Blob())
		require.NoError(t, err)
		require.Equal(t, content.Stored, how)
		d, err := store.New(files).Stat(t.Context(), c.Descriptor.Digest)
		require.NoError(t, err)
		require.Equal(t, c.Descriptor.Size, d.Size)
	})
	t.Run("the blob is wrong", func(t *testing.T) {
		s := store.Memory()
		bad := contenttest.Content{Descriptor: c.Descriptor, Bytes: make([]byte, len(c.Bytes))}
		_, err := store.Put(t.Context(), s, bad.Blob())
		require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
		w, err := s.Create(t.Context(), c.Descriptor)
		require.NoError(t, err)
		require.Zero(t, w.Size(), "nothing of it stays")
		require.NoError(t, w.Close())
	})
}
