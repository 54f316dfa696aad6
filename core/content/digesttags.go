package content

import (
	"context"
	"errors"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// DigestTagSuffixes end the tags under which cosign 1 and 2 keep what belongs to a manifest, after [ReferrersTag]: signatures,
// attestations, SBOMs (https://github.com/sigstore/cosign/blob/v2.4.1/specs/SIGNATURE_SPEC.md#tag-based-discovery).
var DigestTagSuffixes = []string{".sig", ".att", ".sbom"}

// DigestTag is a manifest that belongs to another one by the name of its tag.
type DigestTag struct {
	Tag        string
	Suffix     string // of [DigestTagSuffixes]
	Descriptor v1.Descriptor
}

// DigestTags finds the digest tags of a manifest, by one look each, all at once, in the order of [DigestTagSuffixes]. None is no
// error. With an error it returns what was found all the same.
func DigestTags(ctx context.Context, src Source, subject digest.Digest) ([]DigestTag, error) {
	looked := make([]DigestTag, len(DigestTagSuffixes))
	failed := make([]error, len(looked))
	var looks sync.WaitGroup
	for i, suffix := range DigestTagSuffixes {
		looks.Go(func() {
			tag := ReferrersTag(subject) + suffix
			d, err := resolve(ctx, src, tag)
			switch {
			case err == nil:
				looked[i] = DigestTag{tag, suffix, d}
			case errs.Of(err) != errs.NotFound:
				failed[i] = err
			}
		})
	}
	looks.Wait()
	var found []DigestTag
	for _, t := range looked {
		if t.Tag != "" {
			found = append(found, t)
		}
	}
	return found, errors.Join(failed...)
}

// resolve looks at a manifest, or reads it where src cannot tell without.
func resolve(ctx context.Context, src Source, ref string) (v1.Descriptor, error) {
	if r, ok := As[Resolver](src); ok {
		if d, err := r.Resolve(ctx, ref); errs.Of(err) != errs.Unsupported {
			return d, err
		}
	}
	doc, err := src.Manifest(ctx, ref)
	return v1.Descriptor{MediaType: doc.MediaType, Digest: doc.Digest(), Size: int64(len(doc.Raw))}, err
}
