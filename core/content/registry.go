package content

import (
	"context"
	"iter"

	"github.com/opencontainers/go-digest"
)

// Mountable is a Blob that lies in a repository of a registry. Another repository of the same registry can have it
// without a transfer (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md,
// "Mounting a blob from another repository").
type Mountable interface {
	// MountFrom names the registry as references do (host[:port], "docker.io" for Docker Hub) and the repository.
	MountFrom() (registry, repository string)
}

// Mounter is a place in a registry that says of a blob whether it would try to take it over inside the registry.
type Mounter interface {
	Mounts(b Blob) bool
}

// Deleter is a Source whose content can be deleted. Kinds: not_found, unsupported where the endpoint does not delete, and
// the transport's own.
type Deleter interface {
	// DeleteManifest removes a manifest and with it every tag that names it.
	DeleteManifest(ctx context.Context, d digest.Digest) error
	// DeleteTag removes one tag and leaves the manifest to the other tags that name it.
	DeleteTag(ctx context.Context, tag string) error
	DeleteBlob(ctx context.Context, d digest.Digest) error
}

// TagHolder is a Deleter at whose endpoint a manifest goes with its last tag, as in an image layout.
type TagHolder interface {
	// LastTag says whether DeleteTag of tag would take the manifest along. Kinds are those of DeleteTag.
	LastTag(ctx context.Context, tag string) (bool, error)
}

// Cataloger lists the repositories of a registry, in its order; last is the repository after which to start, or "".
// Pages are fetched as the sequence is consumed.
type Cataloger interface {
	Repositories(ctx context.Context, last string) iter.Seq2[string, error]
}

// Retrier is a Source or a Sink that counts how many of its requests were sent again after a failure that passed, for a
// report.
type Retrier interface{ Retries() int64 }
