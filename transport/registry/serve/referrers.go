package serve

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// referrers answers /v2/NAME/referrers/DIGEST (spec.md, "Listing Referrers"). A registry that does not list them answers
// 404, and clients then look for a tag ("Unavailable Referrers API").
func (x *exchange) referrers(ctx context.Context) (*reply, error) {
	lister, ok := content.As[content.ReferrerLister](x.source)
	if !ok {
		return nil, refusal{404, distspec.UnsupportedCode, "no such endpoint"}
	}
	if oci.CheckDigest(x.path.Ref) != nil {
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	}
	list := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{}}
	wanted := x.query.Get("artifactType")
	for d, err := range lister.Referrers(ctx, digest.Digest(x.path.Ref)) {
		if errs.Of(err) == errs.Unsupported {
			return nil, refusal{404, distspec.UnsupportedCode, "no such endpoint"}
		}
		if err != nil {
			return nil, failure{error: err}
		}
		if wanted == "" || d.ArtifactType == wanted {
			list.Manifests = append(list.Manifests, d)
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, failure{error: err}
	}
	r := content200(v1.MediaTypeImageIndex, raw)
	if wanted != "" {
		r.header.Add("OCI-Filters-Applied", "artifactType")
	}
	return r, nil
}

// nobody lists no referrers.
type nobody struct{ content.Source }

func (nobody) Referrers(context.Context, digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return func(func(v1.Descriptor, error) bool) {}
}
