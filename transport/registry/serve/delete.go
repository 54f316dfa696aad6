package serve

import (
	"context"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// deleteManifest answers DELETE /v2/NAME/manifests/REFERENCE (spec.md, "Deleting Manifests" and "Deleting tags").
func (x *exchange) deleteManifest(ctx context.Context, r Repository) (*reply, error) {
	unknown := refusal{404, distspec.ManifestUnknown, "manifest unknown"}
	var err error
	switch {
	case !strings.Contains(x.path.Ref, ":"):
		if !ref.ValidTag(x.path.Ref) {
			return nil, unknown
		}
		err = r.DeleteTag(ctx, x.path.Ref)
	case oci.CheckDigest(x.path.Ref) != nil:
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	default:
		err = r.DeleteManifest(ctx, digest.Digest(x.path.Ref))
	}
	return deleted(err, unknown)
}

// deleteBlob answers DELETE /v2/NAME/blobs/DIGEST (spec.md, "Deleting Blobs").
func (x *exchange) deleteBlob(ctx context.Context, r Repository) (*reply, error) {
	if oci.CheckDigest(x.path.Ref) != nil {
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	}
	return deleted(r.DeleteBlob(ctx, digest.Digest(x.path.Ref)), refusal{404, distspec.BlobUnknown, "blob unknown to registry"})
}

func deleted(err error, unknown refusal) (*reply, error) {
	if err != nil {
		return nil, failure{err, unknown}
	}
	return &reply{status: 202, size: 0}, nil
}
