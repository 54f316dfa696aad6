package content

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/oci"
)

// ImagesOnly is a Sink that cannot hold an index, as a docker archive cannot: one image of it has to be chosen.
type ImagesOnly interface{ ImagesOnly() bool }

// Checker is a Sink that can read again what it holds. CheckBlob re-hashes the blob of d: it returns nil when it is there and
// whole, kind not_found when it is not there, and kind verification when it is corrupted, after which PutBlob of the
// same descriptor stores it anew instead of finding that it exists.
type Checker interface {
	CheckBlob(ctx context.Context, d v1.Descriptor) error
}

// Changer is a Sink that finds out only while it writes what it had already.
type Changer interface {
	// Changed says, after Commit, whether doc was not there yet, or not under the name it was put with.
	Changed(doc oci.Document) bool
}

// Leftover is a part of a blob that a copy left which broke off.
type Leftover struct {
	Digest digest.Digest `json:"digest" help:"of the whole blob"`
	Size   int64         `json:"size" help:"bytes that are there"`
}

// Leftovers are what copies left at an endpoint for the next one to go on with.
type Leftovers interface {
	// List tells what there is, also what a process is just writing.
	List(ctx context.Context) ([]Leftover, error)
	// Remove deletes what no process is writing, and returns it.
	Remove(ctx context.Context) ([]Leftover, error)
	io.Closer
}
