// Package content holds the seams between the verbs and wherever an image lives: a Source is read, a Sink is written,
// a Store keeps blobs. Package contenttest has the suites that every implementation passes.
package content

import (
	"context"
	"io"
	"iter"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/oci"
)

// Blob is content of known digest and size that can be opened any number of times, also concurrently.
type Blob interface {
	Descriptor() v1.Descriptor
	// Open reads from the first byte. What it opens fails with kind verification, before EOF is seen, when size or digest
	// differ from the descriptor; not_found when it does not exist. The caller closes it; closing early is no error.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// Source is one endpoint that images are read from: a repository of a registry, a layout folder, an archive.
// It is safe for concurrent use.
type Source interface {
	// Manifest returns the manifest or index that ref names, exactly as stored. ref is a tag, a digest, or "" for what
	// the endpoint has when nothing is asked for (the tag latest, or a layout's only entry). A manifest asked for by
	// digest is checked against it. Kinds: not_found, input (ambiguous, unparsable), verification, and the transport's own.
	Manifest(ctx context.Context, ref string) (oci.Document, error)
	// Blob does no I/O.
	Blob(d v1.Descriptor) Blob
	io.Closer
}

// How says what PutBlob did.
type How string

// What a Sink did with a blob: read it, found it there, had the endpoint take it from where it has it already, or gave the
// file that it is a second name.
const (
	Stored  How = "stored"
	Existed How = "existed"
	Mounted How = "mounted"
	Linked  How = "linked"
)

// Sink is one endpoint that images are written to. No tag leads to anything new before Commit; Close without it leaves
// nothing reachable by a tag (verified blobs, partial ones, and manifests that have no tag may stay).
type Sink interface {
	// PutBlob is idempotent and may be called concurrently.
	PutBlob(ctx context.Context, b Blob) (How, error)
	// PutManifest writes doc; ref is a tag, a digest of doc, or "" for the one that it goes by: what is reached by digest only is a
	// child, or an image that has no tag. What goes by another algorithm than SHA-256 does so under a tag as well, where the endpoint can.
	PutManifest(ctx context.Context, ref string, doc oci.Document) error
	Commit(ctx context.Context) error
	io.Closer
}

// Store keeps blobs by digest. It is safe for concurrent use.
type Store interface {
	// Stat returns the descriptor (digest and size) of a whole blob, or not_found.
	Stat(ctx context.Context, d digest.Digest) (v1.Descriptor, error)
	// Open reads from offset (bytes). It does not verify; whoever crosses a seam with it does.
	Open(ctx context.Context, d digest.Digest, offset int64) (io.ReadCloser, error)
	// Create starts a blob, or reopens what a broken attempt left of the same descriptor.
	Create(ctx context.Context, d v1.Descriptor) (Writer, error)
	Delete(ctx context.Context, d digest.Digest) error
	List(ctx context.Context) iter.Seq2[v1.Descriptor, error]
}

// Writer receives one blob.
type Writer interface {
	// Size is how many bytes are already there; writing goes on after them.
	Size() int64
	io.Writer
	// Commit verifies size and digest and makes the blob visible; it fails with kind verification and drops the partial.
	Commit(ctx context.Context) error
	// Close without Commit keeps what was written for a later Create.
	io.Closer
}

// Resolver is a Source that can tell what a reference names without reading it (a HEAD request). It returns kind
// unsupported where this endpoint does not say, and the caller then reads the manifest.
type Resolver interface {
	Resolve(ctx context.Context, ref string) (v1.Descriptor, error)
}

// TagLister is a Source that can list its tags, in the endpoint's order. last is the tag after which to start, or ""; it need
// not exist where the order is lexical, and is an error of kind not_found elsewhere (see [After]).
// Pages are fetched as the sequence is consumed.
type TagLister interface {
	Tags(ctx context.Context, last string) iter.Seq2[string, error]
}

// RangeOpener is a Blob that can be opened at an offset in bytes. What it opens is not verified.
type RangeOpener interface {
	OpenAt(ctx context.Context, offset int64) (io.ReadCloser, error)
}

// Unwrapper is implemented by decorators so that [As] sees through them.
type Unwrapper interface{ Unwrap() any }

// As finds an optional interface on v or on what v decorates.
func As[T any](v any) (T, bool) {
	for v != nil {
		if t, ok := v.(T); ok {
			return t, true
		}
		u, ok := v.(Unwrapper)
		if !ok {
			break
		}
		v = u.Unwrap()
	}
	var zero T
	return zero, false
}
