package content

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// ImagesOnly is a Sink that cannot hold an index, as a docker archive cannot: one image of it has to be chosen.
type ImagesOnly interface{ ImagesOnly() bool }

// Checker is a Sink that can read again what it holds. CheckBlob re-hashes the blob of d: it returns nil when it is there and
// whole, kind not_found when it is not there, and kind verification when it is corrupted, after which PutBlob of the
// same descriptor stores it anew instead of finding that it exists.
type Checker interface {
	CheckBlob(ctx context.Context, d v1.Descriptor) error
}
