package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// schema2 and its parts have their fields in the order of Docker's own (https://distribution.github.io/distribution/spec/
// manifest-v2-2/), so that the bytes are the ones other tools make.
type schema2 struct {
	SchemaVersion int         `json:"schemaVersion"`
	MediaType     string      `json:"mediaType"`
	Config        schemaRef   `json:"config"`
	Layers        []schemaRef `json:"layers"`
}

type schemaRef struct {
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
	Digest    digest.Digest `json:"digest"`
}

// config is what a manifest needs of one.
type config struct {
	place
	ref   schemaRef
	diffs []digest.Digest
}

// maxLayers is how many layers an image may have; Docker makes 127 at most.
const maxLayers = 1024

// build makes the manifest of image i, once.
func (s *Docker) build(ctx context.Context, i int) (oci.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.built[i] != nil {
		return *s.built[i], nil
	}
	img := s.images[i]
	if len(img.Layers) > maxLayers {
		return oci.Document{}, errs.New(errs.Input, manifestFile, "has an image of %d layers, more than %d", len(img.Layers), maxLayers)
	}
	c, err := s.config(ctx, &img)
	if err != nil {
		return oci.Document{}, err
	}
	if n := len(c.diffs); n != 0 && n != len(img.Layers) {
		return oci.Document{}, errs.New(errs.Input, img.Config, "names %d layers, %s has %d", n, manifestFile, len(img.Layers))
	}
	m := schema2{2, oci.DockerManifest, c.ref, []schemaRef{}}
	found := map[digest.Digest]place{m.Config.Digest: c.place}
	for j, name := range img.Layers {
		diff := digest.Digest("")
		if len(c.diffs) > 0 {
			diff = c.diffs[j]
		}
		l, err := s.layer(ctx, name, diff)
		if err != nil {
			return oci.Document{}, err
		}
		m.Layers = append(m.Layers, l)
		found[l.Digest] = place{name: name}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return oci.Document{}, err
	}
	for d, p := range found {
		s.places[d] = p
	}
	s.built[i] = &oci.Document{MediaType: oci.DockerManifest, Raw: raw}
	return *s.built[i], nil
}

// config reads a config, or makes it, and finds the layers, for an archive from before there were any.
func (s *Docker) config(ctx context.Context, img *saved) (config, error) {
	if img.top != "" {
		chain, err := s.chain(ctx, img.top)
		if err != nil {
			return config{}, err
		}
		for _, l := range chain {
			img.Layers = append(img.Layers, l.id+"/layer.tar")
		}
		b, err := s.configV1(ctx, chain)
		if err != nil {
			return config{}, err
		}
		return newConfig(img.top, b, place{made: b})
	}
	m, err := s.dir.resolve("open", img.Config)
	if err != nil {
		return config{}, missing(img.Config, err)
	}
	if c, ok := s.configs[m.off]; ok {
		return c, nil
	}
	b, err := fsys.ReadFile(ctx, s.dir, img.Config, oci.MaxConfig)
	if err != nil {
		return config{}, missing(img.Config, err)
	}
	// An older archive calls a config by its digest too, <hex>.json, but people edit those by hand, and every tool takes them.
	if d := fromPath(img.Config); d != "" && d.Algorithm().FromBytes(b) != d {
		return config{}, errs.New(errs.Verification, img.Config, "content has the digest %s", d.Algorithm().FromBytes(b))
	}
	c, err := newConfig(img.Config, b, place{name: img.Config})
	if err == nil {
		s.configs[m.off] = c
	}
	return c, err
}

func newConfig(name string, b []byte, where place) (config, error) {
	var c v1.Image
	if err := oci.Unmarshal(b, &c); err != nil {
		return config{}, errs.New(errs.Input, name, "is not an image config: %v", err)
	}
	return config{where, schemaRef{oci.DockerConfig, int64(len(b)), digest.FromBytes(b)}, c.RootFS.DiffIDs}, nil
}

// missing is for an entry that manifest.json names: that it is not there is a fault of the archive, not of who asked.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errs.New(errs.Input, name, "is named in the archive's %s but not there", manifestFile)
	}
	return fsys.Kinded(name, err)
}

// layer describes a layer as it is stored. A digest that the archive states is taken from there, and checked when the
// layer is read like any other: the diff ID for an uncompressed layer, the file name in blobs/. Others are hashed.
func (s *Docker) layer(ctx context.Context, name string, diff digest.Digest) (schemaRef, error) {
	m, err := s.dir.resolve("open", name)
	if err != nil {
		return schemaRef{}, missing(name, err)
	}
	l := schemaRef{Size: m.size}
	switch k := compress.Detect(m.prefix); k {
	case compress.None:
		l.MediaType, l.Digest = oci.DockerLayer, diff
	case compress.Gzip:
		l.MediaType, l.Digest = oci.DockerLayerGzip, fromPath(name)
	case compress.Zstd:
		l.MediaType, l.Digest = oci.DockerLayerZstd, fromPath(name)
	default:
		return l, errs.New(errs.Unsupported, name, "is compressed with %s, which no image format allows", k)
	}
	if l.Digest == "" {
		l.Digest, err = s.hash(ctx, name, m)
	} else {
		err = oci.CheckDigest(l.Digest.String())
	}
	return l, errs.Wrap(name, err)
}

// fromPath is the digest in blobs/<algorithm>/<hex>, or "".
func fromPath(name string) digest.Digest {
	parts := strings.Split(name, "/")
	if len(parts) != 3 || parts[0] != v1.ImageBlobsDir {
		return ""
	}
	d := digest.NewDigestFromEncoded(digest.Algorithm(parts[1]), parts[2])
	if oci.CheckDigest(d.String()) != nil {
		return ""
	}
	return d
}

// hash reads an entry once, however many names and images lead to it.
func (s *Docker) hash(ctx context.Context, name string, m member) (digest.Digest, error) {
	if d, ok := s.hashes[m.off]; ok {
		return d, nil
	}
	f, err := s.dir.Open(ctx, name)
	if err != nil {
		return "", fsys.Kinded("", err)
	}
	r := fsys.NewReader(ctx, f, 0)
	defer func() { _ = r.Close() }()
	d, err := digest.Canonical.FromReader(r)
	if err == nil {
		s.hashes[m.off] = d
	}
	return d, err
}

// made is bytes as a [fsys.File].
func made(b []byte) fsys.File {
	return section{io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), func() error { return nil }}
}
