package content

import (
	"context"
	"iter"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// ReferrerLister is a Source that tells which manifests refer to one as their subject: signatures, attestations, SBOMs
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers). Kind unsupported where the
// endpoint has no such list; [Referrers] then reads the tag that stands in for it.
type ReferrerLister interface {
	Referrers(ctx context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error]
}

// longestTag is how long a tag can be, in bytes
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests).
const longestTag = 128

// ReferrersTag is the tag whose index lists the referrers of a manifest where a registry has no API for it
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema).
func ReferrersTag(subject digest.Digest) string {
	tag := subject.Algorithm().String() + "-" + subject.Encoded()
	return tag[:min(len(tag), longestTag)]
}

// Referrers yields what refers to subject at src: by the endpoint's own list where it has one, else by the tag that stands in
// for it. None is no error.
func Referrers(ctx context.Context, src Source, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return func(yield func(v1.Descriptor, error) bool) {
		if l, ok := As[ReferrerLister](src); !ok || !listed(ctx, l, subject, yield) {
			tagged(ctx, src, subject, yield)
		}
	}
}

// listed is false where the endpoint has no list.
func listed(ctx context.Context, l ReferrerLister, subject digest.Digest, yield func(v1.Descriptor, error) bool) bool {
	for d, err := range l.Referrers(ctx, subject) {
		if errs.Of(err) == errs.Unsupported {
			return false
		}
		if !yield(d, err) || err != nil {
			break
		}
	}
	return true
}

func tagged(ctx context.Context, src Source, subject digest.Digest, yield func(v1.Descriptor, error) bool) {
	doc, err := src.Manifest(ctx, ReferrersTag(subject))
	if errs.Of(err) == errs.NotFound {
		return
	}
	if err == nil && !doc.IsIndex() {
		return // somebody else's tag of that name
	}
	if err != nil {
		yield(v1.Descriptor{}, err)
		return
	}
	x, err := doc.Index()
	if err != nil {
		yield(v1.Descriptor{}, err)
		return
	}
	for _, d := range x.Manifests {
		if !yield(d, nil) {
			return
		}
	}
}
