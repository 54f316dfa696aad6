package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// shelf is a Source of documents by tag or digest.
type shelf struct {
	docs  map[string]oci.Document
	blobs map[digest.Digest][]byte
	gets  atomic.Int32
	mute  bool // resolves nothing
}

func newShelf() *shelf {
	return &shelf{docs: map[string]oci.Document{}, blobs: map[digest.Digest][]byte{}}
}

func (s *shelf) Manifest(_ context.Context, ref string) (oci.Document, error) {
	s.gets.Add(1)
	d, ok := s.docs[ref]
	if !ok {
		return d, errs.New(errs.NotFound, ref, "is not on the shelf")
	}
	return d, nil
}

func (s *shelf) Resolve(_ context.Context, ref string) (v1.Descriptor, error) {
	if s.mute {
		return v1.Descriptor{}, errs.New(errs.Unsupported, ref, "no HEAD here")
	}
	d, ok := s.docs[ref]
	if !ok {
		return v1.Descriptor{}, errs.New(errs.NotFound, ref, "is not on the shelf")
	}
	return d.Descriptor(), nil
}

func (s *shelf) Tags(_ context.Context, last string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, t := range []string{"a", "b", "c", "d"} {
			if t > last && !yield(t, nil) {
				return
			}
		}
	}
}

func (s *shelf) Blob(d v1.Descriptor) content.Blob { return shelfBlob{s, d} }
func (s *shelf) Close() error                      { return nil }

type shelfBlob struct {
	s *shelf
	d v1.Descriptor
}

func (b shelfBlob) Descriptor() v1.Descriptor { return b.d }

func (b shelfBlob) Open(context.Context) (io.ReadCloser, error) {
	return content.Verify(io.NopCloser(bytes.NewReader(b.s.blobs[b.d.Digest])), b.d)
}

// blob adds a blob.
func (s *shelf) blob(mediaType string, b []byte) v1.Descriptor {
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	s.blobs[d.Digest] = b
	return d
}

// doc adds a manifest or index under its digest and some tags.
func (s *shelf) doc(t *testing.T, mediaType string, v any, tags ...string) v1.Descriptor {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	d, err := oci.NewDocument(raw, mediaType, "test")
	require.NoError(t, err)
	for _, ref := range append(tags, d.Digest().String()) {
		s.docs[ref] = d
	}
	return d.Descriptor()
}

// image adds an image for a platform with some layers.
func (s *shelf) image(t *testing.T, platform string, cfg v1.Image, tags ...string) v1.Descriptor {
	t.Helper()
	p, err := oci.ParsePlatform(platform)
	require.NoError(t, err)
	cfg.Platform = p
	raw, err := json.Marshal(cfg)
	require.NoError(t, err)
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: s.blob(v1.MediaTypeImageConfig, raw)}
	m.SchemaVersion = 2
	for range cfg.RootFS.DiffIDs {
		m.Layers = append(m.Layers, s.blob(v1.MediaTypeImageLayer, []byte("layer of "+platform)))
	}
	d := s.doc(t, v1.MediaTypeImageManifest, m, tags...)
	d.Platform = &p
	return d
}

func (s *shelf) index(t *testing.T, tag string, children ...v1.Descriptor) v1.Descriptor {
	t.Helper()
	x := v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: children}
	x.SchemaVersion = 2
	return s.doc(t, v1.MediaTypeImageIndex, x, tag)
}

func (s *shelf) env(out *bytes.Buffer) *core.Env {
	return &core.Env{
		Source: func(context.Context, ref.Reference) (content.Source, error) { return s, nil },
		Output: func(context.Context, string) (io.WriteCloser, error) { return writeNop{out}, nil },
		File: func(context.Context, string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("hello\n")), nil
		},
	}
}

type writeNop struct{ io.Writer }

func (writeNop) Close() error { return nil }

func TestInspectIndex(t *testing.T) {
	s := newShelf()
	amd64 := s.image(t, "linux/amd64", v1.Image{RootFS: v1.RootFS{DiffIDs: make([]digest.Digest, 2)}})
	arm64 := s.image(t, "linux/arm64/v8", v1.Image{})
	attestation := s.doc(t, v1.MediaTypeImageManifest, v1.Manifest{
		Config: s.blob(v1.MediaTypeImageConfig, []byte("{}")), Layers: []v1.Descriptor{s.blob("application/vnd.in-toto+json", []byte("{}"))},
	}, "att")
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd64.Digest.String()}
	s.index(t, "multi", amd64, arm64, attestation)
	s.index(t, "windows", func() v1.Descriptor { return s.image(t, "windows/amd64", v1.Image{}) }(), arm64)
	ctx := t.Context()

	out, err := core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:multi"})
	require.NoError(t, err)
	require.Equal(t, "index", out.Kind)
	require.Len(t, out.Manifests, 3)
	require.Equal(t, amd64.Digest, out.Manifests[2].AttestationFor)
	require.Equal(t, amd64.Digest, out.Image.Digest, "the default platform is linux/amd64")
	require.Len(t, out.Image.Layers, 2)
	require.Empty(t, out.Image.Layers[0].CreatedBy, "a history of another length says nothing")

	out, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:multi", Platform: "linux/aarch64"})
	require.NoError(t, err)
	require.Equal(t, arm64.Digest, out.Image.Digest)

	out, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:windows"})
	require.NoError(t, err, "an index without the default platform is shown all the same")
	require.Nil(t, out.Image)
	_, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:windows", Platform: "linux/amd64"})
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.Contains(t, errs.HintOf(err), "windows/amd64, linux/arm64")
	_, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:multi", Platform: "linux"})
	require.Equal(t, errs.Input, errs.Of(err))

	out, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:att"})
	require.NoError(t, err)
	require.Equal(t, "attestation", out.Kind)
	require.Len(t, out.Blobs, 1)
}

func TestInspectReferrers(t *testing.T) {
	s := newShelf()
	amd64 := s.image(t, "linux/amd64", v1.Image{})
	index := s.index(t, "multi", amd64)
	referrer := func(subject v1.Descriptor, artifactType string) v1.Descriptor {
		d := s.doc(t, v1.MediaTypeImageManifest, v1.Manifest{
			MediaType: v1.MediaTypeImageManifest, ArtifactType: artifactType, Config: s.blob(v1.MediaTypeEmptyJSON, []byte("{}")), Subject: &subject,
		})
		d.ArtifactType = artifactType
		s.index(t, content.ReferrersTag(subject.Digest), d)
		return d
	}
	tag := content.ReferrersTag(amd64.Digest) + ".sig"
	signed := s.doc(t, v1.MediaTypeImageManifest, v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: s.blob(v1.MediaTypeImageConfig, []byte("{}"))}, tag)
	sbom, signature := referrer(amd64, "application/spdx+json"), referrer(index, "application/vnd.example.signature")
	ctx := t.Context()

	out, err := core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:multi", Referrers: true})
	require.NoError(t, err)
	require.Equal(t, []core.Referrer{
		{To: index.Digest, MediaType: signature.MediaType, Digest: signature.Digest, Size: signature.Size, ArtifactType: signature.ArtifactType},
		{To: amd64.Digest, MediaType: sbom.MediaType, Digest: sbom.Digest, Size: sbom.Size, ArtifactType: sbom.ArtifactType},
		{To: amd64.Digest, MediaType: signed.MediaType, Digest: signed.Digest, Size: signed.Size, Tag: tag},
	}, out.Referrers)

	out, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:multi"})
	require.NoError(t, err)
	require.Empty(t, out.Referrers, "they are listed when asked for")
	out, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x@" + sbom.Digest.String(), Referrers: true})
	require.NoError(t, err)
	require.Empty(t, out.Referrers, "none is no error")
	require.Equal(t, amd64.Digest, out.Subject.Digest)

	_, err = core.Inspect(ctx, s.env(nil), core.InspectIn{Ref: "x:multi", Referrers: true, Raw: true})
	require.Equal(t, errs.Input, errs.Of(err))
}

func TestInspectNestedIndex(t *testing.T) {
	s := newShelf()
	child := s.image(t, "linux/amd64", v1.Image{})
	d := s.index(t, "one", child)
	for range 3 {
		d = s.index(t, "nested", d)
	}
	out, err := core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:nested"})
	require.NoError(t, err)
	require.Equal(t, child.Digest, out.Image.Digest)
	s.index(t, "deeper", d)
	_, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:deeper", Platform: "linux/amd64"})
	require.ErrorContains(t, err, "nested deeper")
}

func TestInspectArtifact(t *testing.T) {
	s := newShelf()
	empty := s.blob("application/vnd.oci.empty.v1+json", []byte("{}"))
	s.doc(t, v1.MediaTypeImageManifest, v1.Manifest{MediaType: v1.MediaTypeImageManifest, ArtifactType: "application/spdx+json", Config: empty, Layers: []v1.Descriptor{empty}}, "sbom")
	s.doc(t, "", map[string]any{"schemaVersion": 2, "artifactType": "example/bare"}, "bare")
	out, err := core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:sbom"})
	require.NoError(t, err)
	require.Equal(t, "artifact", out.Kind)
	require.Equal(t, "application/spdx+json", out.ArtifactType)
	require.Nil(t, out.Image)
	out, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:bare"})
	require.NoError(t, err)
	require.Equal(t, "example/bare", out.ArtifactType)
	_, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:bare", Config: true})
	require.Equal(t, errs.NotFound, errs.Of(err))
	for _, err := range core.Files(t.Context(), s.env(nil), core.FilesIn{Ref: "x:sbom"}) {
		require.ErrorContains(t, err, "is an artifact (application/spdx+json)")
	}
}

func TestInspectBytes(t *testing.T) {
	s := newShelf()
	child := s.image(t, "linux/arm64", v1.Image{Author: "somebody"})
	top := s.index(t, "multi", child)
	var out bytes.Buffer
	got, err := core.Inspect(t.Context(), s.env(&out), core.InspectIn{Ref: "x:multi", Raw: true})
	require.NoError(t, err)
	require.Equal(t, top.Digest, digest.FromBytes(out.Bytes()))
	require.Equal(t, top.Digest, got.Digest)
	out.Reset()
	_, err = core.Inspect(t.Context(), s.env(&out), core.InspectIn{Ref: "x:multi", Raw: true, Platform: "linux/arm64"})
	require.NoError(t, err)
	require.Equal(t, child.Digest, digest.FromBytes(out.Bytes()))
	out.Reset()
	got, err = core.Inspect(t.Context(), s.env(&out), core.InspectIn{Ref: "x:multi", Config: true, Platform: "linux/arm64"})
	require.NoError(t, err)
	require.Equal(t, got.Digest, digest.FromBytes(out.Bytes()))
	_, err = core.Inspect(t.Context(), s.env(&out), core.InspectIn{Ref: "x:multi", Config: true, Raw: true})
	require.Equal(t, errs.Input, errs.Of(err))
}

func TestInspectBroken(t *testing.T) {
	s := newShelf()
	d := s.image(t, "linux/amd64", v1.Image{}, "ok")
	m, err := s.docs["ok"].Manifest()
	require.NoError(t, err)
	s.blobs[m.Config.Digest] = []byte(`{"os":"changed"}`)
	_, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:ok"})
	require.Equal(t, errs.Verification, errs.Of(err))
	require.ErrorContains(t, err, "x:ok")

	lie := d
	lie.Size++
	s.index(t, "lie", lie)
	_, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:lie"})
	require.Equal(t, errs.Verification, errs.Of(err), "an index whose descriptor lies about the size")
	bad := d
	bad.Digest = "sha256:../../etc/passwd"
	s.index(t, "bad", bad)
	_, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "x:bad"})
	require.Equal(t, errs.Input, errs.Of(err))
}

func TestDigest(t *testing.T) {
	s := newShelf()
	amd64 := s.image(t, "linux/amd64", v1.Image{})
	top := s.index(t, "multi", amd64)
	env := s.env(nil)
	out, err := core.Digest(t.Context(), env, core.DigestIn{Ref: "x:multi"})
	require.NoError(t, err)
	require.Equal(t, top.Digest, out.Digest)
	require.Zero(t, s.gets.Load(), "a HEAD is enough")
	s.mute = true
	muted, err := core.Digest(t.Context(), env, core.DigestIn{Ref: "x:multi"})
	require.NoError(t, err)
	require.Equal(t, out, muted, "hashing gives what HEAD would have said")
	require.EqualValues(t, 1, s.gets.Load())

	out, err = core.Digest(t.Context(), env, core.DigestIn{Ref: "x:multi", Platform: "linux/amd64"})
	require.NoError(t, err)
	require.Equal(t, amd64.Digest, out.Digest)
	out, err = core.Digest(t.Context(), env, core.DigestIn{Ref: "x:multi", Algorithm: "sha512"})
	require.NoError(t, err)
	require.Equal(t, digest.SHA512.FromBytes(s.docs["multi"].Raw), out.Digest)
	out, err = core.Digest(t.Context(), env, core.DigestIn{File: "-"})
	require.NoError(t, err)
	require.Equal(t, core.DigestOut{Digest: digest.FromString("hello\n"), Size: 6}, out)
	for _, in := range []core.DigestIn{{}, {Ref: "x", File: "y"}, {Ref: "x", Algorithm: "md5"}, {File: "y", Platform: "linux/amd64"}} {
		_, err = core.Digest(t.Context(), env, in)
		require.Equal(t, errs.Input, errs.Of(err), "%+v", in)
	}
}

func TestTags(t *testing.T) {
	s := newShelf()
	collect := func(in core.TagsIn) ([]string, error) {
		var out []string
		for tag, err := range core.Tags(t.Context(), s.env(nil), in) {
			if err != nil {
				return out, err
			}
			out = append(out, tag)
		}
		return out, nil
	}
	got, err := collect(core.TagsIn{Ref: "x"})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c", "d"}, got)
	got, err = collect(core.TagsIn{Ref: "x", After: "a", Limit: 2})
	require.NoError(t, err)
	require.True(t, slices.Equal(got, []string{"b", "c"}))
	for _, in := range []core.TagsIn{{Ref: "x:latest"}, {Ref: "oci:x:y"}, {Ref: "x", Limit: -1}, {Ref: "x@sha256:" + strings.Repeat("a", 64)}} {
		_, err = collect(in)
		require.Equal(t, errs.Input, errs.Of(err), "%+v", in)
	}
}

func TestCallIsStrict(t *testing.T) {
	v, err := core.Find(core.Verbs(), "inspect")
	require.NoError(t, err)
	for _, in := range []string{`{"reff":"x"}`, `{"ref":"x"} {}`, `[]`, `{"ref":1}`, `{`} {
		_, err := v.Call(t.Context(), newShelf().env(nil), []byte(in), nil)
		require.Equal(t, errs.Input, errs.Of(err), in)
	}
	_, err = v.Call(t.Context(), newShelf().env(nil), bytes.Repeat([]byte(" "), 2<<20), nil)
	require.Equal(t, errs.Input, errs.Of(err))
	_, err = core.Find(core.Verbs(), "run")
	require.Equal(t, errs.Input, errs.Of(err))
}
