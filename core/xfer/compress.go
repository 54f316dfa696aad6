package xfer

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// recompressed is a layer as it will be: read from the source, decompressed and compressed anew each time it is opened. The
// same content gives the same bytes each time.
type recompressed struct {
	from content.Blob
	kind compress.Kind
	desc v1.Descriptor
}

// needsCompression says whether a blob is a layer that has another compression than the one asked for, by its media type.
func (p *Plan) needsCompression(d v1.Descriptor) bool {
	if p.o.Compress == "" || !oci.IsLayer(d.MediaType) || oci.IsForeign(d.MediaType) {
		return false
	}
	return compressionOf(d.MediaType) != p.o.Compress
}

func compressionOf(mediaType string) compress.Kind {
	switch mediaType {
	case v1.MediaTypeImageLayerGzip, oci.DockerLayerGzip:
		return compress.Gzip
	case v1.MediaTypeImageLayerZstd, oci.DockerLayerZstd:
		return compress.Zstd
	}
	return compress.None
}

// compressedType is the media type of a layer with another compression. A Docker layer stays one where Docker has the type.
func compressedType(mediaType string, k compress.Kind) string {
	docker := mediaType == oci.DockerLayer || mediaType == oci.DockerLayerGzip || mediaType == oci.DockerLayerZstd
	switch {
	case docker && k == compress.Gzip:
		return oci.DockerLayerGzip
	case docker && k == compress.Zstd:
		return oci.DockerLayerZstd
	case k == compress.Gzip:
		return v1.MediaTypeImageLayerGzip
	}
	return v1.MediaTypeImageLayerZstd
}

// recompress finds digest and size by compressing the layer once to nowhere.
func (p *Plan) recompress(ctx context.Context, b content.Blob) (recompressed, error) {
	d := b.Descriptor()
	out := recompressed{from: b, kind: p.o.Compress, desc: v1.Descriptor{MediaType: compressedType(d.MediaType, p.o.Compress)}}
	r, err := out.open(ctx)
	if err != nil {
		return out, err
	}
	defer r.Close()
	h := digest.SHA256.Hash()
	out.desc.Size, err = io.Copy(h, r)
	out.desc.Digest = digest.NewDigest(digest.SHA256, h)
	return out, err
}

func (r recompressed) Descriptor() v1.Descriptor { return r.desc }

// Open checks what it opens against the first pass.
func (r recompressed) Open(ctx context.Context) (io.ReadCloser, error) {
	raw, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	return content.Verify(raw, r.desc)
}

func (r recompressed) open(ctx context.Context) (io.ReadCloser, error) {
	raw, err := r.from.Open(ctx)
	if err != nil {
		return nil, err
	}
	plain, _, err := compress.Auto(raw)
	if err != nil {
		return nil, err
	}
	return compress.Pipe(plain, r.kind), nil
}
