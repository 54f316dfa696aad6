package contenttest

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// SinkUnderTest is an empty endpoint and how to read it afterwards.
type SinkUnderTest struct {
	Sink content.Sink
	// Source opens the endpoint for reading. An error means that there is nothing to see yet.
	Source func() (content.Source, error)
	// Late is true for a sink that reads a blob only when it is committed: what is wrong with it is told then.
	Late bool
}

// Sink checks an endpoint that open makes new and empty each time, writing f to it.
func Sink(t *testing.T, open func(t *testing.T) SinkUnderTest, f Fixture) {
	f.Tampered = nil // a sink refuses those
	t.Run("committed", func(t *testing.T) {
		u := open(t)
		fill(t, u.Sink, f)
		invisible(t, u, f)
		require.NoError(t, u.Sink.Commit(t.Context()))
		require.NoError(t, u.Sink.Close())
		Source(t, func(t *testing.T) content.Source {
			s, err := u.Source()
			require.NoError(t, err)
			return s
		}, f)
	})
	t.Run("abandoned", func(t *testing.T) {
		u := open(t)
		fill(t, u.Sink, f)
		require.NoError(t, u.Sink.Close())
		invisible(t, u, f)
	})
	t.Run("tampered blob", func(t *testing.T) {
		u := open(t)
		defer func() { require.NoError(t, u.Sink.Close()) }()
		bad := tampered()[0]
		_, err := u.Sink.PutBlob(t.Context(), bad.Blob())
		if u.Late {
			require.NoError(t, err)
			err = commitWith(t, u.Sink, bad)
		}
		require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
	})
	t.Run("cancelled", func(t *testing.T) {
		u := open(t)
		defer func() { require.NoError(t, u.Sink.Close()) }()
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := u.Sink.PutBlob(ctx, f.largest().Blob())
		require.Equal(t, errs.Cancelled, errs.Of(err), "%v", err)
	})
}

// commitWith commits an image of one layer, which is not what its descriptor says.
func commitWith(t *testing.T, s content.Sink, bad Content) error {
	t.Helper()
	cfg := v1.Image{RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{bad.Descriptor.Digest}}}
	config := NewContent(v1.MediaTypeImageConfig, document("", cfg).Raw)
	_, err := s.PutBlob(t.Context(), config.Blob())
	require.NoError(t, err)
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, Config: config.Descriptor, Layers: []v1.Descriptor{bad.Descriptor}}
	require.NoError(t, s.PutManifest(t.Context(), "", document(v1.MediaTypeImageManifest, m)))
	return s.Commit(t.Context())
}

// fill writes f: every blob from two goroutines at once, then the children, then the tag.
func fill(t *testing.T, s content.Sink, f Fixture) {
	t.Helper()
	var wg sync.WaitGroup
	for _, c := range append(f.Blobs, f.Blobs...) {
		wg.Go(func() {
			how, err := s.PutBlob(t.Context(), c.Blob())
			if err != nil || how != content.Stored && how != content.Existed && how != content.Mounted {
				t.Errorf("PutBlob %s: %q, %v", c.Descriptor.Digest, how, err)
			}
		})
	}
	wg.Wait()
	how, err := s.PutBlob(t.Context(), f.Blobs[0].Blob())
	require.NoError(t, err)
	require.Equal(t, content.Existed, how, "the third time")
	for _, c := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	require.NoError(t, s.PutManifest(t.Context(), f.Tag, f.Root))
}

func invisible(t *testing.T, u SinkUnderTest, f Fixture) {
	t.Helper()
	s, err := u.Source()
	if err != nil {
		return
	}
	defer func() { require.NoError(t, s.Close()) }()
	_, err = s.Manifest(t.Context(), f.Tag)
	require.Error(t, err, "nothing is visible before Commit")
}

// Blob is c as a [content.Blob], verified as the contract has it.
func (c Content) Blob() content.Blob { return memory{c} }

type memory struct{ c Content }

func (m memory) Descriptor() v1.Descriptor { return m.c.Descriptor }

func (m memory) Open(ctx context.Context) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return content.Verify(io.NopCloser(bytes.NewReader(m.c.Bytes)), m.c.Descriptor)
}
