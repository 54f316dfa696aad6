package dir_test

import (
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/dir"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// files is f as skopeo writes it.
func files(f contenttest.Fixture) map[string][]byte {
	out := map[string][]byte{"version": []byte("Directory Transport Version: 1.1\n"), "manifest.json": f.Root.Raw}
	for _, c := range f.Children {
		out[c.Digest().Encoded()+".manifest.json"] = c.Raw
	}
	for _, c := range append(f.Blobs, f.Tampered...) {
		out[c.Descriptor.Digest.Encoded()] = c.Bytes
	}
	return out
}

func open(t *testing.T, files map[string][]byte) *dir.Source {
	t.Helper()
	s, err := dir.Open(t.Context(), memfs.From(files), "dir:x")
	require.NoError(t, err)
	return s
}

func TestSuite(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		t.Run(name, func(t *testing.T) {
			f.Tag = ""
			contenttest.Source(t, func(t *testing.T) content.Source { return open(t, files(f)) }, f)
		})
	}
}

func TestOtherAlgorithms(t *testing.T) {
	f := contenttest.NewIndex()
	all := files(f)
	b, child := []byte("a blob"), f.Children[0]
	blob, manifest := digest.SHA512.FromBytes(b), digest.SHA512.FromBytes(child.Raw)
	all["sha512-"+blob.Encoded()] = b
	all["sha512-"+manifest.Encoded()+".manifest.json"] = child.Raw
	s := open(t, all)
	r, err := s.Blob(v1.Descriptor{Digest: blob, Size: int64(len(b))}).Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, r.Close())
	got, err := s.Manifest(t.Context(), manifest.String())
	require.NoError(t, err)
	require.Equal(t, child.Under(manifest), got)
	d, err := s.Resolve(t.Context(), manifest.String())
	require.NoError(t, err)
	require.Equal(t, manifest, d.Digest)
}

func TestErrors(t *testing.T) {
	_, err := dir.Open(t.Context(), memfs.New(), "dir:x")
	require.Equal(t, errs.Input, errs.Of(err))
	require.EqualError(t, err, "dir:x: is not a dir: image: has no manifest.json")

	f := contenttest.NewIndex()
	all := files(f)
	all[f.Children[0].Digest().Encoded()+".manifest.json"] = f.Children[1].Raw
	_, err = open(t, all).Manifest(t.Context(), f.Children[0].Digest().String())
	require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
}
