package serve

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Repository is one that is written to through the server. It is also a [content.BlobStatter], and what of the other optional
// interfaces it can be.
type Repository interface {
	content.Source
	content.Deleter
	// PutManifest keeps doc, which has the digest d, and gives it a tag unless that is "". Kind not_found: what the
	// manifest lists is not there.
	PutManifest(ctx context.Context, d digest.Digest, tag string, doc oci.Document) error
	// Mount takes a blob from another repository, or with from "" from wherever it is. Kind not_found: it is not there.
	Mount(ctx context.Context, d digest.Digest, from string) error
	// Begin begins an upload. The caller closes the Session; the upload goes on.
	Begin(ctx context.Context) (Session, error)
	// Session goes on with an upload, once whoever had it before has closed it. Kind not_found: there is none.
	Session(ctx context.Context, id string) (Session, error)
}

// Session is one upload, for one request.
type Session interface {
	ID() string
	// Size is how many bytes have come.
	Size() int64
	io.Writer
	// Commit makes a blob of what has come. Kind verification: it has another digest, and is dropped.
	Commit(ctx context.Context, d digest.Digest) error
	Cancel(ctx context.Context) error
	io.Closer
}
