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

// build makes the manifest of image i, once.
func (s *Docker) build(ctx context.Context, i int) (oci.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.built[i] != nil {
		return *s.built[i], nil
	}
	img := s.images[i]
	found := map[digest.Digest]place{}
	b, where, err := s.config(ctx, img)
	if err != nil {
		return oci.Document{}, err
	}
	var c v1.Image
	if err := oci.Unmarshal(b, &c); err != nil {
		return oci.Document{}, errs.New(errs.Input, img.Config, "is not an image config: %v", err)
	}
	diffs := c.RootFS.DiffIDs
	if len(diffs) != 0 && len(diffs) != len(img.Layers) {
		return oci.Document{}, errs.New(errs.Input, img.Config, "names %d layers, %s has %d", len(diffs), manifestFile, len(img.Layers))
	}
	m := schema2{2, oci.DockerManifest, schemaRef{oci.DockerConfig, int64(len(b)), digest.FromBytes(b)}, []schemaRef{}}
	found[m.Config.Digest] = where
	for j, name := range img.Layers {
		diff := digest.Digest("")
		if len(diffs) > 0 {
			diff = diffs[j]
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

// config reads a config, or makes it for an archive from before there were any.
func (s *Docker) config(ctx context.Context, img saved) ([]byte, place, error) {
	if img.chain != nil {
		b, err := s.configV1(ctx, img)
		return b, place{made: b}, err
	}
	b, err := fsys.ReadFile(ctx, s.dir, img.Config, oci.MaxConfig)
	if err != nil {
		return nil, place{}, missing(img.Config, err)
	}
	return b, place{name: img.Config}, nil
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
		l.Digest, err = s.hash(ctx, name)
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

func (s *Docker) hash(ctx context.Context, name string) (digest.Digest, error) {
	f, err := s.dir.Open(ctx, name)
	if err != nil {
		return "", fsys.Kinded("", err)
	}
	r := fsys.NewReader(ctx, f, 0)
	defer func() { _ = r.Close() }()
	return digest.Canonical.FromReader(r)
}

// made is bytes as a [fsys.File].
func made(b []byte) fsys.File {
	return section{io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), func() error { return nil }}
}
