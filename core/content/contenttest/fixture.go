// Package contenttest has the suites that every implementation of the seams in package content passes, and the small
// image they are run with.
package contenttest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/oci"
)

// Content is a blob with its bytes.
type Content struct {
	Descriptor v1.Descriptor
	Bytes      []byte
}

// Fixture is what an endpoint under test holds: one image or index, and nothing else that has a tag.
type Fixture struct {
	Tag      string         // "" for an endpoint without tags
	Root     oci.Document   // what Tag names, and what is there when nothing is asked for
	Children []oci.Document // what Root lists
	Blobs    []Content      // configs and layers
	// Tampered are blobs that the endpoint holds with other bytes than the descriptor says, of the same length.
	Tampered []Content
}

// NewIndex is an index of two platforms that share a layer. The same call gives the same bytes.
func NewIndex() Fixture {
	f := Fixture{Tag: "v1"}
	x := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex}
	for _, arch := range []string{"amd64", "arm64"} {
		m, blobs := image(arch, v1.MediaTypeImageManifest, v1.MediaTypeImageConfig, v1.MediaTypeImageLayer)
		d := m.Descriptor()
		d.Platform = &v1.Platform{OS: "linux", Architecture: arch}
		x.Manifests = append(x.Manifests, d)
		f.Children = append(f.Children, m)
		f.Blobs = append(f.Blobs, blobs...)
	}
	f.Root = document(v1.MediaTypeImageIndex, x)
	f.Tampered = tampered()
	return f
}

// NewImage is one image for linux/amd64 in Docker's media types.
func NewImage() Fixture {
	f := Fixture{Tag: "v1", Tampered: tampered()}
	f.Root, f.Blobs = image("amd64", oci.DockerManifest, oci.DockerConfig, oci.DockerLayer)
	return f
}

// image makes a config and two layers; the second layer is larger than any read-ahead a transport should have.
func image(arch, manifestType, configType, layerType string) (oci.Document, []Content) {
	layers := []Content{
		NewContent(layerType, layer("etc/os-release", []byte("ID=fixture\n"))),
		NewContent(layerType, layer("usr/share/"+arch, noise(arch, 300<<10))),
	}
	cfg := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: arch}, RootFS: v1.RootFS{Type: "layers"}}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: manifestType}
	for _, l := range layers {
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, l.Descriptor.Digest)
		m.Layers = append(m.Layers, l.Descriptor)
	}
	config := NewContent(configType, document("", cfg).Raw)
	m.Config = config.Descriptor
	return document(manifestType, m), append([]Content{config}, layers...)
}

func tampered() []Content {
	c := NewContent(v1.MediaTypeImageLayer, noise("tampered", 100<<10))
	c.Bytes[50<<10] ^= 1
	return []Content{c}
}

// NewContent is b with its descriptor.
func NewContent(mediaType string, b []byte) Content {
	return Content{v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}, b}
}

// Files are the fixture as the blobs of an image layout: path to bytes, tampered ones included.
func (f Fixture) Files() map[string][]byte {
	files := map[string][]byte{}
	put := func(d digest.Digest, b []byte) { files["blobs/"+d.Algorithm().String()+"/"+d.Encoded()] = b }
	for _, doc := range append([]oci.Document{f.Root}, f.Children...) {
		put(doc.Digest(), doc.Raw)
	}
	for _, c := range append(append([]Content(nil), f.Blobs...), f.Tampered...) {
		put(c.Descriptor.Digest, c.Bytes)
	}
	return files
}

// layer is a tar of one file.
func layer(name string, content []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	must(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}))
	_, err := w.Write(content)
	must(err)
	must(w.Close())
	return b.Bytes()
}

// noise is n bytes that no compressor makes smaller.
func noise(seed string, n int) []byte {
	var key [32]byte
	copy(key[:], seed)
	b := make([]byte, n)
	_, err := rand.NewChaCha8(key).Read(b)
	must(err)
	return b
}

func document(mediaType string, v any) oci.Document {
	raw, err := json.Marshal(v)
	must(err)
	return oci.Document{MediaType: mediaType, Raw: raw}
}

// must is for what cannot fail here: writing to memory.
func must(err error) {
	if err != nil {
		panic(fmt.Sprint("contenttest: ", err))
	}
}
