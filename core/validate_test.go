package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// twins are two manifests with one config, as an image in two compressions has.
func twins(t *testing.T, change func(second *v1.Manifest)) contenttest.Fixture {
	t.Helper()
	f := contenttest.NewImage()
	m, err := f.Root.Manifest()
	require.NoError(t, err)
	for i, b := range f.Blobs[1:] {
		var z bytes.Buffer
		w, err := compress.NewWriter(&z, compress.Zstd)
		require.NoError(t, err)
		_, err = w.Write(b.Bytes)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		packed := contenttest.NewContent(v1.MediaTypeImageLayerZstd, z.Bytes())
		f.Blobs = append(f.Blobs, packed)
		m.Layers[i] = packed.Descriptor
	}
	change(&m)
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	second := oci.Document{MediaType: f.Root.MediaType, Raw: raw}
	f.Children = []oci.Document{f.Root, second}
	raw, err = json.Marshal(v1.Index{
		Versioned: m.Versioned, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{f.Root.Descriptor(), second.Descriptor()},
	})
	require.NoError(t, err)
	f.Root = oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: raw}
	return f
}

func TestValidateSharedConfig(t *testing.T) {
	env, src, _ := mirror(t)
	tagImage(t, src, "v1", twins(t, func(*v1.Manifest) {}))
	ok, bad, err := validate(t, env, "mem:src:v1")
	require.NoError(t, err)
	require.Equal(t, 8, ok, "an index, two manifests, a config, two layers in two compressions")
	require.Zero(t, bad)
}

// TestValidateSharedLayers: a layer that was read for one image is compared with what the config of the next one says of it.
func TestValidateSharedLayers(t *testing.T) {
	env, src, _ := mirror(t)
	f := twins(t, func(m *v1.Manifest) { m.Layers = []v1.Descriptor{m.Layers[1], m.Layers[0]} })
	tagImage(t, src, "v1", f)
	_, bad, err := validate(t, env, "mem:src:v1")
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Equal(t, 2, bad, "in another order")

	first, err := f.Children[0].Manifest()
	require.NoError(t, err)
	f = twins(t, func(m *v1.Manifest) { m.Layers = []v1.Descriptor{first.Layers[1]} })
	tagImage(t, src, "v2", f)
	_, bad, err = validate(t, env, "mem:src:v2")
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Equal(t, 1, bad, "the upper layer is not what the config says of the lower one")
}

// TestValidateBrokenConfig says what is wrong once, and not of every layer.
func TestValidateBrokenConfig(t *testing.T) {
	env, src, _ := mirror(t)
	f := contenttest.NewImage()
	config := f.Blobs[0].Descriptor
	f.Blobs = f.Blobs[1:]
	tagImage(t, src, "v1", f)
	ok, bad, err := validate(t, env, "mem:src:v1")
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Equal(t, []int{3, 1}, []int{ok, bad}, "%s is missing", config.Digest)

	m, err := f.Root.Manifest()
	require.NoError(t, err)
	f = contenttest.NewImage()
	m.Layers = m.Layers[:1]
	f.Root.Raw, err = json.Marshal(m)
	require.NoError(t, err)
	tagImage(t, src, "v2", f)
	ok, bad, err = validate(t, env, "mem:src:v2")
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Equal(t, []int{2, 1}, []int{ok, bad}, "the config lists a layer more")
}

// TestValidateSHA512: diff IDs of any algorithm are compared in that one.
func TestValidateSHA512(t *testing.T) {
	layer := contenttest.NewContent(v1.MediaTypeImageLayer, make([]byte, 1024))
	for diffID, wrong := range map[digest.Digest]int{
		digest.SHA512.FromBytes(layer.Bytes): 0, layer.Descriptor.Digest: 0, digest.SHA512.FromString("x"): 1, "sha512:x": 1,
	} {
		env, src, _ := mirror(t)
		raw, err := json.Marshal(v1.Image{RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}}})
		require.NoError(t, err)
		config := contenttest.NewContent(v1.MediaTypeImageConfig, raw)
		m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: config.Descriptor, Layers: []v1.Descriptor{layer.Descriptor}}
		m.SchemaVersion = 2
		raw, err = json.Marshal(m)
		require.NoError(t, err)
		tagImage(t, src, "v1", contenttest.Fixture{Root: oci.Document{MediaType: m.MediaType, Raw: raw}, Blobs: []contenttest.Content{layer, config}})
		ok, bad, err := validate(t, env, "mem:src:v1")
		require.Equal(t, []int{3 - wrong, wrong}, []int{ok, bad}, "%s: %v", diffID, err)
	}
}

// flaky is an endpoint whose blobs cannot be reached.
type flaky struct{ content.Source }

func (f flaky) Blob(d v1.Descriptor) content.Blob { return unreachable{f.Source.Blob(d)} }

type unreachable struct{ content.Blob }

func (unreachable) Open(context.Context) (io.ReadCloser, error) {
	return nil, errs.New(errs.Network, "", "the line is down")
}

// TestValidateUnreached: a registry that is down says nothing of the content.
func TestValidateUnreached(t *testing.T) {
	env, src, _ := mirror(t, "v1")
	env.Source = func(context.Context, ref.Reference) (content.Source, error) { return flaky{src}, nil }
	ok, bad, err := validate(t, env, "mem:src:v1")
	require.Equal(t, errs.Network, errs.Of(err), "%v", err)
	require.ErrorContains(t, err, "mem:src:v1")
	require.Equal(t, []int{2, 0}, []int{ok, bad}, "the index and the first manifest")
}
