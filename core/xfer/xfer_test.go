package xfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/transport/mem"
)

// repository is one in memory that holds f.
func repository(t *testing.T, f contenttest.Fixture) *mem.Repository {
	t.Helper()
	r := mem.New()
	put(t, r, f.Tag, f.Root, f.Children, f.Blobs)
	return r
}

func put(t *testing.T, r *mem.Repository, tag string, root oci.Document, children []oci.Document, blobs []contenttest.Content) {
	t.Helper()
	s := r.Sink()
	for _, c := range blobs {
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
	}
	for _, c := range children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	require.NoError(t, s.PutManifest(t.Context(), tag, root))
	require.NoError(t, s.Commit(t.Context()))
}

func document(t *testing.T, mediaType string, v any) oci.Document {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return oci.Document{MediaType: mediaType, Raw: raw}
}

// attested is contenttest's index with an attestation of each image, and a member that no Go type knows.
func attested(t *testing.T) contenttest.Fixture {
	t.Helper()
	f := contenttest.NewIndex()
	x, err := f.Root.Index()
	require.NoError(t, err)
	for _, d := range x.Manifests[:2] {
		statement := contenttest.NewContent(oci.InToto, []byte(`{"subject":"`+d.Digest.String()+`"}`))
		config := contenttest.NewContent(v1.MediaTypeImageConfig, []byte(`{"architecture":"unknown","os":"unknown"}`))
		m := document(t, v1.MediaTypeImageManifest, v1.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
			Config: config.Descriptor, Layers: []v1.Descriptor{statement.Descriptor},
		})
		entry := m.Descriptor()
		entry.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
		entry.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": d.Digest.String()}
		x.Manifests = append(x.Manifests, entry)
		f.Children = append(f.Children, m)
		f.Blobs = append(f.Blobs, statement, config)
	}
	f.Root = document(t, v1.MediaTypeImageIndex, x)
	f.Root.Raw = append(f.Root.Raw[:len(f.Root.Raw)-1], []byte(`,"x-unknown":{"a":"<b>"}}`)...)
	return f
}

func platform(arch string) v1.Platform { return v1.Platform{OS: "linux", Architecture: arch} }

func plan(t *testing.T, src content.Source, o xfer.Options) *xfer.Plan {
	t.Helper()
	p, err := xfer.New(t.Context(), src, "v1", "mem:src:v1", o)
	require.NoError(t, err)
	return p
}

func move(t *testing.T, p *xfer.Plan) (*mem.Repository, xfer.Report) {
	t.Helper()
	dst := mem.New()
	r, err := p.Move(t.Context(), dst.Sink(), []string{"v1"})
	require.NoError(t, err)
	return dst, r
}

// whole reads everything below a manifest, verified, and returns the documents by digest.
func whole(t *testing.T, src content.Source, ref string) map[digest.Digest]oci.Document {
	t.Helper()
	out := map[digest.Digest]oci.Document{}
	var visit func(ref string)
	visit = func(ref string) {
		doc, err := src.Manifest(t.Context(), ref)
		require.NoError(t, err, ref)
		out[doc.Digest()] = doc
		if doc.IsIndex() {
			x, err := doc.Index()
			require.NoError(t, err)
			for _, d := range x.Manifests {
				visit(d.Digest.String())
			}
			return
		}
		m, err := doc.Manifest()
		require.NoError(t, err)
		for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
			r, err := src.Blob(d).Open(t.Context())
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.Equal(t, d.Size, n)
		}
	}
	visit(ref)
	return out
}

func TestCopyIsExact(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage(), "attested": attested(t)} {
		t.Run(name, func(t *testing.T) {
			src := repository(t, f)
			dst, r := move(t, plan(t, src, xfer.Options{PreserveDigests: true}))
			require.Equal(t, whole(t, src, "v1"), whole(t, dst, "v1"))
			require.Equal(t, f.Root.Descriptor(), r.Root)
			require.Equal(t, 1+len(f.Children), r.Manifests)
			again, err := plan(t, src, xfer.Options{}).Move(t.Context(), dst.Sink(), []string{"v2"})
			require.NoError(t, err)
			require.Zero(t, again.Stored.Blobs)
			require.Equal(t, r.Stored, again.Existed)
		})
	}
}

func TestPlatforms(t *testing.T) {
	f := attested(t)
	src := repository(t, f)
	t.Run("one is taken out of the index", func(t *testing.T) {
		p := plan(t, src, xfer.Options{Platforms: []v1.Platform{platform("arm64")}, PreserveDigests: false})
		dst, r := move(t, p)
		require.Equal(t, f.Children[1].Digest(), r.Root.Digest)
		require.Len(t, whole(t, dst, "v1"), 1)
		require.Equal(t, []string{"1 of 2 images: linux/amd64", "2 attestation manifests of the index"}, p.Left())
	})
	t.Run("one with its attestation stays an index", func(t *testing.T) {
		dst, r := move(t, plan(t, src, xfer.Options{Platforms: []v1.Platform{platform("arm64")}, Attestations: xfer.With}))
		docs := whole(t, dst, "v1")
		require.Len(t, docs, 3)
		x, err := docs[r.Root.Digest].Index()
		require.NoError(t, err)
		require.Len(t, x.Manifests, 2)
		require.Equal(t, x.Manifests[0].Digest.String(), x.Manifests[1].Annotations["vnd.docker.reference.digest"])
		require.Contains(t, string(docs[r.Root.Digest].Raw), `"x-unknown":{"a":"<b>"}`, "what nobody knows stays")
	})
	t.Run("several, without attestations", func(t *testing.T) {
		p := plan(t, src, xfer.Options{Platforms: []v1.Platform{platform("arm64"), platform("amd64")}, Attestations: xfer.Drop})
		dst, _ := move(t, p)
		require.Len(t, whole(t, dst, "v1"), 3)
		require.Equal(t, []string{"2 attestation manifests of the index"}, p.Left())
	})
	t.Run("all but attestations", func(t *testing.T) {
		dst, _ := move(t, plan(t, src, xfer.Options{Attestations: xfer.Drop}))
		require.Len(t, whole(t, dst, "v1"), 3)
	})
	t.Run("none fits", func(t *testing.T) {
		_, err := xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{Platforms: []v1.Platform{platform("s390x")}})
		require.Equal(t, errs.NotFound, errs.Of(err))
		require.Contains(t, errs.HintOf(err), "linux/amd64, linux/arm64")
	})
	t.Run("a subset cannot keep its digest", func(t *testing.T) {
		_, err := xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{PreserveDigests: true, Attestations: xfer.Drop})
		require.Equal(t, errs.Input, errs.Of(err))
	})
}

// TestSparseIndex: of an index that lists more than is there, what is there can be chosen.
func TestSparseIndex(t *testing.T) {
	f := contenttest.NewIndex()
	gone := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 4, Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}
	x, err := f.Root.Index()
	require.NoError(t, err)
	sparse := document(t, v1.MediaTypeImageIndex, v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: append([]v1.Descriptor{gone, gone}, x.Manifests...),
	})
	src := mem.New()
	put(t, src, "v1", sparse, f.Children, f.Blobs)
	dst, r := move(t, plan(t, src, xfer.Options{Platforms: []v1.Platform{platform("amd64")}}))
	require.Equal(t, x.Manifests[0].Digest, r.Root.Digest)
	require.Len(t, whole(t, dst, "v1"), 1)
	dst, _ = move(t, plan(t, src, xfer.Options{Platforms: []v1.Platform{platform("amd64"), platform("arm64")}}))
	require.Len(t, whole(t, dst, "v1"), 3)
	for _, chosen := range [][]v1.Platform{nil, {platform("s390x")}, {platform("amd64"), platform("s390x")}} {
		_, err := xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{Platforms: chosen})
		require.Equal(t, errs.NotFound, errs.Of(err))
		require.ErrorContains(t, err, gone.Digest.String())
		require.Equal(t, chosen == nil, errs.HintOf(err) != "")
	}
}

func TestNestedIndex(t *testing.T) {
	f := contenttest.NewIndex()
	inner := f.Root
	outer := document(t, v1.MediaTypeImageIndex, v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{inner.Descriptor()},
	})
	src := mem.New()
	put(t, src, "v1", outer, append(f.Children, inner), f.Blobs)
	dst, _ := move(t, plan(t, src, xfer.Options{}))
	require.Equal(t, whole(t, src, "v1"), whole(t, dst, "v1"))
	dst, _ = move(t, plan(t, src, xfer.Options{Platforms: []v1.Platform{platform("amd64")}, Attestations: xfer.With}))
	require.Len(t, whole(t, dst, "v1"), 3, "outer and inner index, and one image")
}

func TestFormat(t *testing.T) {
	toOCI, r := move(t, plan(t, repository(t, contenttest.NewImage()), xfer.Options{Format: xfer.OCI}))
	require.Equal(t, v1.MediaTypeImageManifest, r.Root.MediaType)
	m, err := whole(t, toOCI, "v1")[r.Root.Digest].Manifest()
	require.NoError(t, err)
	require.Equal(t, v1.MediaTypeImageConfig, m.Config.MediaType)
	require.Equal(t, v1.MediaTypeImageLayer, m.Layers[0].MediaType)
	back, r := move(t, plan(t, toOCI, xfer.Options{Format: xfer.Docker}))
	require.Equal(t, contenttest.NewImage().Root.Digest(), r.Root.Digest, "there and back is where it was")
	whole(t, back, "v1")

	src := repository(t, attested(t))
	_, err = xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{Format: xfer.Docker})
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.Contains(t, errs.HintOf(err), "--attestations drop")
	list, r := move(t, plan(t, src, xfer.Options{Format: xfer.Docker, Attestations: xfer.Drop}))
	require.Equal(t, oci.DockerManifestList, r.Root.MediaType)
	for _, doc := range whole(t, list, "v1") {
		require.Contains(t, doc.MediaType, "docker")
		require.Contains(t, string(doc.Raw), `"mediaType":"`+doc.MediaType+`"`)
	}
}

func TestCompress(t *testing.T) {
	f := contenttest.NewIndex()
	src := repository(t, f)
	for _, k := range []compress.Kind{compress.Gzip, compress.Zstd} {
		dst, r := move(t, plan(t, src, xfer.Options{Compress: k}))
		for _, doc := range whole(t, dst, "v1") {
			if doc.IsIndex() {
				continue
			}
			m, err := doc.Manifest()
			require.NoError(t, err)
			for _, l := range m.Layers {
				require.Contains(t, l.MediaType, string(k))
				b, err := dst.Blob(l).Open(t.Context())
				require.NoError(t, err)
				plain, got, err := compress.Auto(b)
				require.NoError(t, err)
				require.Equal(t, k, got)
				h := digest.SHA256.Hash()
				_, err = io.Copy(h, plain)
				require.NoError(t, err)
				require.NoError(t, plain.Close())
				require.Contains(t, contents(f), digest.NewDigest(digest.SHA256, h), "the content is what it was")
			}
		}
		other, again := move(t, plan(t, src, xfer.Options{Compress: k}))
		require.Equal(t, r.Root, again.Root, "the same bytes each time")
		whole(t, other, "v1")
	}
}

// TestCompressedAlready: layers that have the compression that is asked for change nothing, so what refers to them stays.
func TestCompressedAlready(t *testing.T) {
	src := repository(t, contenttest.NewImage())
	packed, r := move(t, plan(t, src, xfer.Options{Compress: compress.Gzip}))
	signature := document(t, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: "application/vnd.example",
		Config: v1.DescriptorEmptyJSON, Layers: []v1.Descriptor{v1.DescriptorEmptyJSON}, Subject: &r.Root,
	})
	s := packed.Sink()
	_, err := s.PutBlob(t.Context(), contenttest.NewContent(v1.MediaTypeEmptyJSON, []byte("{}")).Blob())
	require.NoError(t, err)
	require.NoError(t, s.PutManifest(t.Context(), "", signature))
	require.NoError(t, s.Commit(t.Context()))
	p := plan(t, packed, xfer.Options{Compress: compress.Gzip, Referrers: true, PreserveDigests: true})
	dst, again := move(t, p)
	require.Equal(t, r.Root, again.Root)
	require.Empty(t, p.Left())
	_, err = dst.Manifest(t.Context(), signature.Digest().String())
	require.NoError(t, err)
	_, err = xfer.New(t.Context(), packed, "v1", "mem:src:v1", xfer.Options{Compress: compress.Zstd, PreserveDigests: true})
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
	require.ErrorContains(t, err, "compressing layers anew")
}

func contents(f contenttest.Fixture) []digest.Digest {
	var out []digest.Digest
	for _, b := range f.Blobs {
		out = append(out, b.Descriptor.Digest)
	}
	return out
}

// TestMultiPlatformCompression converts everything at once: a subset, compressed anew, in Docker's format.
func TestCombined(t *testing.T) {
	dst, r := move(t, plan(t, repository(t, attested(t)), xfer.Options{
		Platforms: []v1.Platform{platform("amd64"), platform("arm64")}, Attestations: xfer.Drop, Format: xfer.Docker, Compress: compress.Gzip,
	}))
	require.Equal(t, oci.DockerManifestList, r.Root.MediaType)
	for _, doc := range whole(t, dst, "v1") {
		if m, err := doc.Manifest(); err == nil {
			require.Equal(t, oci.DockerLayerGzip, m.Layers[0].MediaType)
		}
	}
}

func TestForeignAndEmbedded(t *testing.T) {
	config := contenttest.NewContent(v1.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64"}`))
	config.Descriptor.Data = config.Bytes
	foreign := contenttest.NewContent(oci.DockerForeignLayer, []byte("not distributed")).Descriptor
	foreign.URLs = []string{"https://example.com/layer"}
	root := document(t, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config.Descriptor, Layers: []v1.Descriptor{foreign},
	})
	src := mem.New() // has neither blob
	put(t, src, "v1", root, nil, nil)
	dst, r := move(t, plan(t, src, xfer.Options{}))
	require.Equal(t, root.Digest(), r.Root.Digest)
	require.Equal(t, 1, r.Stored.Blobs, "the config, from the manifest itself")
	_, err := dst.StatBlob(t.Context(), config.Descriptor.Digest)
	require.NoError(t, err)
	_, err = dst.StatBlob(t.Context(), foreign.Digest)
	require.Equal(t, errs.NotFound, errs.Of(err))
}

func TestSHA512(t *testing.T) {
	layer := []byte("a layer that is addressed by sha512")
	d := v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: digest.SHA512.FromBytes(layer), Size: int64(len(layer))}
	config := contenttest.NewContent(v1.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64"}`))
	root := document(t, v1.MediaTypeImageManifest, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: config.Descriptor, Layers: []v1.Descriptor{d},
	})
	src := mem.New()
	put(t, src, "v1", root, nil, []contenttest.Content{config, {Descriptor: d, Bytes: layer}})
	dst, _ := move(t, plan(t, src, xfer.Options{PreserveDigests: true}))
	_, err := dst.StatBlob(t.Context(), d.Digest)
	require.NoError(t, err)
	p, err := xfer.New(t.Context(), src, digest.SHA512.FromBytes(root.Raw).String(), "mem:src", xfer.Options{})
	require.NoError(t, err)
	require.Equal(t, digest.SHA512, p.Source().Algorithm())
}

// failing is a sink whose blobs fail after some have been put.
type failing struct {
	content.Sink
	mu   sync.Mutex
	left int
}

func (f *failing) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	f.mu.Lock()
	f.left--
	left := f.left
	f.mu.Unlock()
	if left < 0 {
		return "", errs.New(errs.Network, "registry", "went away")
	}
	return f.Sink.PutBlob(ctx, b)
}

func TestFailureShowsNothing(t *testing.T) {
	f := contenttest.NewIndex()
	src := repository(t, f)
	for n := range 5 {
		dst := mem.New()
		_, err := plan(t, src, xfer.Options{}).Move(t.Context(), &failing{Sink: dst.Sink(), left: n}, []string{"v1"})
		require.Equal(t, errs.Network, errs.Of(err))
		require.Contains(t, err.Error(), "mem:src:v1")
		_, err = dst.Manifest(t.Context(), "v1")
		require.Equal(t, errs.NotFound, errs.Of(err))
		_, err = plan(t, src, xfer.Options{}).Move(t.Context(), dst.Sink(), []string{"v1"})
		require.NoError(t, err)
		require.Equal(t, whole(t, src, "v1"), whole(t, dst, "v1"))
	}
}

func TestHostileIndexes(t *testing.T) {
	child := contenttest.NewContent(v1.MediaTypeImageManifest, []byte(`{}`))
	x := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{child.Descriptor}}
	src := mem.New()
	put(t, src, "v1", document(t, v1.MediaTypeImageIndex, x), nil, nil)
	_, err := xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{})
	require.Equal(t, errs.NotFound, errs.Of(err), "a child that is not there: %v", err)

	// Each level lists the one below it twice, so that the paths double: every digest is read once all the same.
	f := contenttest.NewImage()
	docs := []oci.Document{f.Root}
	for range 8 {
		d := docs[len(docs)-1].Descriptor()
		x.Manifests = []v1.Descriptor{d, d}
		docs = append(docs, document(t, v1.MediaTypeImageIndex, x))
	}
	src = mem.New()
	put(t, src, "v1", docs[8], docs[:8], f.Blobs)
	_, r := move(t, plan(t, src, xfer.Options{}))
	require.Equal(t, 9, r.Manifests)
	x.Manifests = []v1.Descriptor{docs[8].Descriptor()}
	put(t, src, "v1", document(t, v1.MediaTypeImageIndex, x), nil, nil)
	_, err = xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{})
	require.Equal(t, errs.Input, errs.Of(err), "nested deeper than anybody needs: %v", err)
}

// counting counts the manifests that are read.
type counting struct {
	content.Source
	manifests atomic.Int64
}

func (c *counting) Manifest(ctx context.Context, ref string) (oci.Document, error) {
	c.manifests.Add(1)
	return c.Source.Manifest(ctx, ref)
}

// TestManifestsAreNotAllHeld: what an index says of its children is enough to refuse it, before they fill the memory.
func TestManifestsAreNotAllHeld(t *testing.T) {
	child := contenttest.NewImage().Root.Descriptor()
	for name, c := range map[string]struct {
		size int64
		n    int
	}{"large": {4 << 20, 5}, "many": {100, 10_001}, "overflow": {math.MaxInt64, 3}} {
		x := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
		for i := range c.n {
			child.Digest, child.Size = digest.FromString(strconv.Itoa(i)), c.size
			x.Manifests = append(x.Manifests, child)
		}
		src := mem.New()
		put(t, src, "v1", document(t, v1.MediaTypeImageIndex, x), nil, nil)
		counted := &counting{Source: src}
		_, err := xfer.New(t.Context(), counted, "v1", "mem:src:v1", xfer.Options{})
		require.Equal(t, errs.Input, errs.Of(err), "%s: %v", name, err)
		require.EqualValues(t, 1, counted.manifests.Load(), name)
	}
}

// TestMembersInAnotherCase: Go's decoder takes Manifests for manifests, and the last of both counts. What is written anew goes by
// the exact name.
func TestMembersInAnotherCase(t *testing.T) {
	f := contenttest.NewIndex()
	one, err := json.Marshal(f.Children[0].Descriptor())
	require.NoError(t, err)
	two, err := json.Marshal(f.Children[1].Descriptor())
	require.NoError(t, err)
	layer, err := json.Marshal(f.Blobs[1].Descriptor)
	require.NoError(t, err)
	config, err := json.Marshal(f.Blobs[0].Descriptor)
	require.NoError(t, err)
	for mediaType, raw := range map[string]string{
		v1.MediaTypeImageIndex:    fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s,%s],"Manifests":[%s]}`, one, two, one),
		v1.MediaTypeImageManifest: fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s,%s],"Layers":[%s]}`, config, layer, layer, layer),
	} {
		src := mem.New()
		put(t, src, "v1", oci.Document{MediaType: mediaType, Raw: []byte(raw)}, f.Children, f.Blobs)
		_, err = xfer.New(t.Context(), src, "v1", "mem:src:v1", xfer.Options{})
		require.Equal(t, errs.Verification, errs.Of(err), "%s: %v", mediaType, err)
	}
}

func TestUnknownChild(t *testing.T) {
	thing := contenttest.NewContent("application/vnd.example.thing", bytes.Repeat([]byte("x"), 100))
	x := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{thing.Descriptor}}
	src := mem.New()
	put(t, src, "v1", document(t, v1.MediaTypeImageIndex, x), nil, []contenttest.Content{thing})
	dst, _ := move(t, plan(t, src, xfer.Options{}))
	_, err := dst.StatBlob(t.Context(), thing.Descriptor.Digest)
	require.NoError(t, err)
}

// TestTagThatMoves copies what the tag named when the plan was made, whatever it, or the tag of the destination, names since.
func TestTagThatMoves(t *testing.T) {
	f, other := contenttest.NewIndex(), contenttest.NewImage()
	src, dst := repository(t, f), repository(t, f)
	p := plan(t, src, xfer.Options{})
	for _, r := range []*mem.Repository{src, dst} {
		put(t, r, "v1", other.Root, nil, other.Blobs)
	}
	_, err := p.Move(t.Context(), dst.Sink(), []string{"v1"})
	require.NoError(t, err)
	doc, err := dst.Manifest(t.Context(), "v1")
	require.NoError(t, err)
	require.Equal(t, f.Root, doc)
	whole(t, dst, "v1")
	doc, err = src.Manifest(t.Context(), "v1")
	require.NoError(t, err)
	require.Equal(t, other.Root, doc)
}

// TestAnnotationsLeftOut says once that the Docker format has none, however many manifests had some.
func TestAnnotationsLeftOut(t *testing.T) {
	f := contenttest.NewIndex()
	x := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Annotations: map[string]string{"k": "v"}}
	for i := range f.Children {
		c := &f.Children[i]
		c.Raw = append([]byte(`{"annotations":{"k":"v"},`), c.Raw[1:]...)
		x.Manifests = append(x.Manifests, c.Descriptor())
	}
	f.Root = document(t, v1.MediaTypeImageIndex, x)
	warnings := 0
	p := plan(t, repository(t, f), xfer.Options{Format: xfer.Docker, Event: func(e event.Event) {
		if e.Kind == event.Warning {
			warnings++
		}
	}})
	dst, _ := move(t, p)
	require.Equal(t, 1, warnings)
	doc, err := dst.Manifest(t.Context(), "v1")
	require.NoError(t, err)
	require.NotContains(t, string(doc.Raw), "annotations")
}
