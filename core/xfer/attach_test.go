package xfer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/transport/mem"
)

// artifact is a manifest of a type that refers to subject, and its blobs.
func artifact(t *testing.T, kind string, subject *v1.Descriptor) (oci.Document, []contenttest.Content) {
	t.Helper()
	payload := contenttest.NewContent("application/octet-stream", []byte("payload of "+kind))
	empty := contenttest.NewContent(v1.MediaTypeEmptyJSON, []byte("{}"))
	m := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: kind,
		Config: empty.Descriptor, Layers: []v1.Descriptor{payload.Descriptor}, Subject: subject,
	}
	return document(t, v1.MediaTypeImageManifest, m), []contenttest.Content{payload, empty}
}

// signed is a repository with an index, a signature of the index and of one image, an SBOM that is signed itself, and cosign's
// tag of the index.
func signed(t *testing.T) (*mem.Repository, contenttest.Fixture, []oci.Document) {
	t.Helper()
	f := contenttest.NewIndex()
	src := repository(t, f)
	var docs []oci.Document
	add := func(kind string, subject oci.Document, tag string) oci.Document {
		d := subject.Descriptor()
		doc, blobs := artifact(t, kind, &d)
		if tag != "" {
			doc, blobs = artifact(t, kind, nil)
		}
		s := src.Sink()
		for _, b := range blobs {
			_, err := s.PutBlob(t.Context(), b.Blob())
			require.NoError(t, err)
		}
		require.NoError(t, s.PutManifest(t.Context(), tag, doc))
		require.NoError(t, s.Commit(t.Context()))
		docs = append(docs, doc)
		return doc
	}
	add("example/signature", f.Root, "")
	add("example/signature-of-image", f.Children[0], "")
	sbom := add("example/sbom", f.Root, "")
	add("example/signature-of-sbom", sbom, "")
	add("example/cosign", f.Root, content.ReferrersTag(f.Root.Digest())+".sig")
	return src, f, docs
}

func has(t *testing.T, r *mem.Repository, doc oci.Document) bool {
	t.Helper()
	_, err := r.Manifest(t.Context(), doc.Digest().String())
	if err != nil {
		require.Equal(t, errs.NotFound, errs.Of(err))
		return false
	}
	whole(t, r, doc.Digest().String())
	return true
}

func TestReferrers(t *testing.T) {
	src, f, docs := signed(t)
	dst, r := move(t, plan(t, src, xfer.Options{Referrers: true, DigestTags: true, PreserveDigests: true}))
	require.Equal(t, f.Root.Digest(), r.Root.Digest)
	for _, d := range docs {
		require.True(t, has(t, dst, d))
	}
	_, err := dst.Manifest(t.Context(), content.ReferrersTag(f.Root.Digest())+".sig")
	require.NoError(t, err)

	p := plan(t, src, xfer.Options{})
	dst, _ = move(t, p)
	for _, d := range docs {
		require.False(t, has(t, dst, d))
	}
	require.Equal(t, []string{"referrers: 1 example/sbom, 1 example/signature", "digest tags: .sig"}, p.Left())
}

// TestReferrersOfChanged leaves behind what would point to nothing.
func TestReferrersOfChanged(t *testing.T) {
	src, _, docs := signed(t)
	o := xfer.Options{Referrers: true, DigestTags: true, Compress: compress.Gzip}
	p := plan(t, src, o)
	dst, _ := move(t, p)
	for _, d := range docs {
		require.False(t, has(t, dst, d))
	}
	require.Contains(t, strings.Join(p.Left(), "\n"), "5 referrers and digest tags")
	p = plan(t, src, xfer.Options{Referrers: true, Platforms: []v1.Platform{platform("amd64")}})
	dst, _ = move(t, p)
	require.True(t, has(t, dst, docs[1]), "the image keeps its digest, and so its signature")
	require.False(t, has(t, dst, docs[0]), "the index is not there, and so not its signature")
	p = plan(t, src, xfer.Options{Referrers: true, Format: xfer.Docker, Attestations: xfer.Drop})
	dst, _ = move(t, p)
	for _, d := range docs {
		require.False(t, has(t, dst, d), "nor what is about something that stays behind")
	}
	require.Contains(t, strings.Join(p.Left(), "\n"), "4 referrers")
}

// TestFallbackTag reads the tag that stands in for the API.
func TestFallbackTag(t *testing.T) {
	src, f, docs := signed(t)
	x := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{docs[0].Descriptor()}}
	s := src.Sink()
	require.NoError(t, s.PutManifest(t.Context(), content.ReferrersTag(f.Root.Digest()), document(t, v1.MediaTypeImageIndex, x)))
	require.NoError(t, s.Commit(t.Context()))
	var got []digest.Digest
	for d, err := range content.Referrers(t.Context(), plain{src}, f.Root.Digest()) {
		require.NoError(t, err)
		got = append(got, d.Digest)
	}
	require.Equal(t, []digest.Digest{docs[0].Digest()}, got)
	for range content.Referrers(t.Context(), plain{src}, f.Children[0].Digest()) {
		t.Error("there is no such tag")
	}
	long := digest.SHA512.FromString("x")
	require.Len(t, content.ReferrersTag(long), 128, fmt.Sprint(long))
}

// plain hides what a source can do besides.
type plain struct{ content.Source }
