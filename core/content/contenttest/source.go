package contenttest

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Source checks an endpoint that holds f. open is called for each test, which closes what it returns.
func Source(t *testing.T, open func(t *testing.T) content.Source, f Fixture) {
	run := func(name string, test func(t *testing.T, s content.Source, f Fixture)) {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			defer func() { require.NoError(t, s.Close()) }()
			test(t, s, f)
		})
	}
	run("manifests", manifests)
	run("not found", notFound)
	run("blobs", blobs)
	run("verification", verification)
	run("concurrent", concurrent)
	run("early close", earlyClose)
	run("cancel", cancel)
	run("optional", optional)
}

func manifests(t *testing.T, s content.Source, f Fixture) {
	asked := map[string]oci.Document{"": f.Root, f.Root.Digest().String(): f.Root}
	if f.Tag != "" {
		asked[f.Tag] = f.Root
	}
	for _, c := range f.Children {
		asked[c.Digest().String()] = c
	}
	for ref, want := range asked {
		got, err := s.Manifest(t.Context(), ref)
		require.NoError(t, err, "manifest %q", ref)
		require.Equal(t, string(want.Raw), string(got.Raw), "manifest %q travels as stored", ref)
		require.Equal(t, want.MediaType, got.MediaType)
	}
}

func notFound(t *testing.T, s content.Source, _ Fixture) {
	absent := NewContent("application/octet-stream", []byte("this is nowhere")).Descriptor
	for _, ref := range []string{"no-such-tag", absent.Digest.String()} {
		_, err := s.Manifest(t.Context(), ref)
		require.Equal(t, errs.NotFound, errs.Of(err), "manifest %q: %v", ref, err)
	}
	_, err := drain(t.Context(), s.Blob(absent))
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	absent.Digest = digest.Digest("sha256:../../../../etc/passwd")
	_, err = drain(t.Context(), s.Blob(absent))
	require.Equal(t, errs.Input, errs.Of(err), "a digest is checked before it becomes a path: %v", err)
}

func blobs(t *testing.T, s content.Source, f Fixture) {
	for _, c := range f.Blobs {
		b := s.Blob(c.Descriptor)
		require.Equal(t, c.Descriptor, b.Descriptor())
		for range 2 {
			got, err := drain(t.Context(), b)
			require.NoError(t, err, c.Descriptor.Digest)
			require.True(t, bytes.Equal(c.Bytes, got), "%s has other bytes", c.Descriptor.Digest)
		}
	}
}

func verification(t *testing.T, s content.Source, f Fixture) {
	for _, c := range f.Tampered {
		_, err := drain(t.Context(), s.Blob(c.Descriptor))
		require.Equal(t, errs.Verification, errs.Of(err), "tampered %s: %v", c.Descriptor.Digest, err)
	}
	for _, wrong := range []int64{-1, 1} {
		d := f.Blobs[0].Descriptor
		d.Size += wrong
		_, err := drain(t.Context(), s.Blob(d))
		require.Equal(t, errs.Verification, errs.Of(err), "size off by %d: %v", wrong, err)
	}
}

func concurrent(t *testing.T, s content.Source, f Fixture) {
	var wg sync.WaitGroup
	for i := range 12 {
		c := f.Blobs[i%len(f.Blobs)]
		wg.Go(func() {
			if got, err := drain(t.Context(), s.Blob(c.Descriptor)); err != nil || !bytes.Equal(got, c.Bytes) {
				t.Errorf("%s: %d bytes, %v", c.Descriptor.Digest, len(got), err)
			}
			if doc, err := s.Manifest(t.Context(), ""); err != nil || doc.Digest() != f.Root.Digest() {
				t.Errorf("manifest: %s, %v", doc.Digest(), err)
			}
		})
	}
	wg.Wait()
}

// largest is the blob that no buffer swallows whole.
func (f Fixture) largest() Content {
	best := f.Blobs[0]
	for _, c := range f.Blobs {
		if len(c.Bytes) > len(best.Bytes) {
			best = c
		}
	}
	return best
}

func earlyClose(t *testing.T, s content.Source, f Fixture) {
	big := f.largest()
	for range 3 {
		r, err := s.Blob(big.Descriptor).Open(t.Context())
		require.NoError(t, err)
		_, err = io.ReadFull(r, make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, r.Close(), "closing early is no error")
	}
	_, err := drain(t.Context(), s.Blob(big.Descriptor))
	require.NoError(t, err)
}

func cancel(t *testing.T, s content.Source, f Fixture) {
	ctx, stop := context.WithCancel(t.Context())
	r, err := s.Blob(f.largest().Descriptor).Open(ctx)
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	_, err = io.ReadFull(r, make([]byte, 10))
	require.NoError(t, err)
	stop()
	_, err = io.Copy(io.Discard, r)
	require.Equal(t, errs.Cancelled, errs.Of(err), "a read after the cancel: %v", err)
}

// optional checks the interfaces that an endpoint may have.
func optional(t *testing.T, s content.Source, f Fixture) {
	if r, ok := content.As[content.Resolver](s); ok {
		d, err := r.Resolve(t.Context(), f.Tag)
		if errs.Of(err) != errs.Unsupported {
			require.NoError(t, err)
			want := f.Root.Descriptor()
			require.Equal(t, want, d)
		}
		long := digest.SHA512.FromBytes(f.Root.Raw) // not every endpoint finds a manifest by it
		if _, err := s.Manifest(t.Context(), long.String()); err == nil {
			d, err := r.Resolve(t.Context(), long.String())
			require.NoError(t, err)
			require.Equal(t, long, d.Digest, "it is addressed as it was asked for")
		}
	}
	if l, ok := content.As[content.TagLister](s); ok && f.Tag != "" {
		var got []string
		for tag, err := range l.Tags(t.Context(), "") {
			require.NoError(t, err)
			got = append(got, tag)
		}
		require.Equal(t, []string{f.Tag}, got)
		for tag := range l.Tags(t.Context(), f.Tag) {
			t.Errorf("tag %q after the last one", tag)
		}
		for tag, err := range l.Tags(t.Context(), "zzz-not-there") {
			require.Empty(t, tag, "after a tag that is not there, in any order")
			require.Equal(t, errs.NotFound, errs.Of(err))
		}
	}
	if b, ok := content.As[content.BlobStatter](s); ok {
		statter(t, b, f)
	}
	big := f.largest()
	if o, ok := content.As[content.RangeOpener](s.Blob(big.Descriptor)); ok {
		for _, off := range []int{0, 1, 100_000, len(big.Bytes)} {
			r, err := o.OpenAt(t.Context(), int64(off))
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.True(t, bytes.Equal(big.Bytes[off:], got), "from %d", off)
		}
	}
}

func statter(t *testing.T, s content.BlobStatter, f Fixture) {
	for _, c := range f.Blobs {
		d, err := s.StatBlob(t.Context(), c.Descriptor.Digest)
		require.NoError(t, err)
		require.Equal(t, c.Descriptor.Digest, d.Digest)
		require.Equal(t, c.Descriptor.Size, d.Size)
	}
	_, err := s.StatBlob(t.Context(), digest.FromString("this is nowhere"))
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	_, err = s.StatBlob(t.Context(), "sha256:../x")
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
}

func drain(ctx context.Context, b content.Blob) ([]byte, error) {
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}
