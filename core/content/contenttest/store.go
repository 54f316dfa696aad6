package contenttest

import (
	"bytes"
	"io"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Store checks a blob store. Each call of fresh makes an empty one; the function it returns opens that one anew, as the
// next process would, after everything in it was closed.
func Store(t *testing.T, fresh func(t *testing.T) (reopen func() content.Store)) {
	for name, test := range map[string]func(*testing.T, func() content.Store){
		"stored": stored, "resumed": resumed, "wrong content": wrongContent, "digests are checked": badDigests, "concurrent": storeConcurrently,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func stored(t *testing.T, reopen func() content.Store) {
	s := reopen()
	for _, c := range []Content{NewContent("", noise("stored", 200<<10)), NewContent("", nil)} {
		d := c.Descriptor
		absentFrom(t, s, d)
		w, err := s.Create(t.Context(), d)
		require.NoError(t, err)
		require.Zero(t, w.Size())
		write(t, w, c.Bytes)
		absentFrom(t, s, d)
		require.NoError(t, w.Commit(t.Context()))
		require.NoError(t, w.Close(), "Close after Commit")
		present(t, s, c)
		present(t, reopen(), c)
		require.Equal(t, []v1.Descriptor{d}, list(t, s))

		w, err = s.Create(t.Context(), d)
		require.NoError(t, err, "of what is there already")
		require.Equal(t, d.Size, w.Size(), "nothing is left to write")
		require.NoError(t, w.Commit(t.Context()))
		require.NoError(t, w.Close())
		present(t, s, c)

		require.NoError(t, s.Delete(t.Context(), d.Digest))
		absentFrom(t, s, d)
	}
}

func resumed(t *testing.T, reopen func() content.Store) {
	c := NewContent("", noise("resumed", 150<<10))
	for _, cut := range []int{1, 100 << 10, len(c.Bytes)} {
		w, err := reopen().Create(t.Context(), c.Descriptor)
		require.NoError(t, err)
		write(t, w, c.Bytes[w.Size():cut])
		require.NoError(t, w.Close())
		absentFrom(t, reopen(), c.Descriptor)
		require.Empty(t, list(t, reopen()), "a partial blob is not listed")
	}
	w, err := reopen().Create(t.Context(), c.Descriptor)
	require.NoError(t, err)
	require.EqualValues(t, len(c.Bytes), w.Size(), "all of it was kept")
	require.NoError(t, w.Commit(t.Context()), "what was kept counts for the digest")
	require.NoError(t, w.Close())
	present(t, reopen(), c)
}

func wrongContent(t *testing.T, reopen func() content.Store) {
	c := NewContent("", noise("wrong", 10<<10))
	for name, b := range map[string][]byte{
		"other":    noise("other", len(c.Bytes)),
		"short":    c.Bytes[:len(c.Bytes)-1],
		"long":     append(bytes.Clone(c.Bytes), 'x'),
		"one off":  append(bytes.Clone(c.Bytes[:len(c.Bytes)-1]), c.Bytes[len(c.Bytes)-1]^1),
		"nothing":  nil,
		"too long": noise("big", 3*len(c.Bytes)),
	} {
		s := reopen()
		w, err := s.Create(t.Context(), c.Descriptor)
		require.NoError(t, err)
		require.Zero(t, w.Size(), "after %s: what failed is not kept", name)
		_, err = w.Write(b)
		if err == nil {
			err = w.Commit(t.Context())
		}
		require.Equal(t, errs.Verification, errs.Of(err), "%s: %v", name, err)
		require.NoError(t, w.Close())
		absentFrom(t, s, c.Descriptor)
	}
}

func badDigests(t *testing.T, reopen func() content.Store) {
	s := reopen()
	for _, d := range []digest.Digest{"", "sha256:", "sha256:../../../x", "sha256:ABC", "../x", "md5:d41d8cd98f00b204e9800998ecf8427e"} {
		_, err := s.Stat(t.Context(), d)
		require.Equal(t, errs.Input, errs.Of(err), "Stat %q: %v", d, err)
		_, err = s.Open(t.Context(), d, 0)
		require.Equal(t, errs.Input, errs.Of(err), "Open %q: %v", d, err)
		_, err = s.Create(t.Context(), v1.Descriptor{Digest: d})
		require.Equal(t, errs.Input, errs.Of(err), "Create %q: %v", d, err)
		require.Equal(t, errs.Input, errs.Of(s.Delete(t.Context(), d)), "Delete %q", d)
	}
	_, err := s.Create(t.Context(), v1.Descriptor{Digest: digest.FromString("x"), Size: -1})
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
}

// storeConcurrently writes several blobs at once, each from three goroutines.
func storeConcurrently(t *testing.T, reopen func() content.Store) {
	s := reopen()
	blobs := []Content{NewContent("", noise("1", 90<<10)), NewContent("", noise("2", 80<<10)), NewContent("", noise("3", 1))}
	var wg sync.WaitGroup
	for i := range 3 * len(blobs) {
		wg.Go(func() {
			c := blobs[i%len(blobs)]
			w, err := s.Create(t.Context(), c.Descriptor)
			if err != nil {
				t.Errorf("Create: %v", err)
				return
			}
			defer func() { _ = w.Close() }()
			if _, err = io.Copy(w, bytes.NewReader(c.Bytes[w.Size():])); err == nil {
				err = w.Commit(t.Context())
			}
			if err != nil {
				t.Errorf("%s: %v", c.Descriptor.Digest, err)
			}
		})
	}
	wg.Wait()
	for _, c := range blobs {
		present(t, s, c)
	}
	require.Len(t, list(t, s), len(blobs))
}

func write(t *testing.T, w io.Writer, b []byte) {
	t.Helper()
	n, err := w.Write(b)
	require.NoError(t, err)
	require.Equal(t, len(b), n)
}

func present(t *testing.T, s content.Store, c Content) {
	t.Helper()
	d, err := s.Stat(t.Context(), c.Descriptor.Digest)
	require.NoError(t, err)
	require.Equal(t, c.Descriptor.Digest, d.Digest)
	require.Equal(t, c.Descriptor.Size, d.Size)
	for _, off := range []int{0, len(c.Bytes) / 2, len(c.Bytes)} {
		r, err := s.Open(t.Context(), d.Digest, int64(off))
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.True(t, bytes.Equal(c.Bytes[off:], got), "%s from %d", d.Digest, off)
	}
}

func absentFrom(t *testing.T, s content.Store, d v1.Descriptor) {
	t.Helper()
	_, err := s.Stat(t.Context(), d.Digest)
	require.Equal(t, errs.NotFound, errs.Of(err), "Stat: %v", err)
	_, err = s.Open(t.Context(), d.Digest, 0)
	require.Equal(t, errs.NotFound, errs.Of(err), "Open: %v", err)
}

func list(t *testing.T, s content.Store) []v1.Descriptor {
	t.Helper()
	var out []v1.Descriptor
	for d, err := range s.List(t.Context()) {
		require.NoError(t, err)
		out = append(out, d)
	}
	return out
}
