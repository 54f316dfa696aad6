package content

import (
	"context"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// BlobStatter is a Source that can tell the size of a blob of which only the digest is known, as whoever serves the
// Source is asked for blobs. The descriptor has digest and size. Kinds: not_found, and the transport's own.
type BlobStatter interface {
	StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error)
}
