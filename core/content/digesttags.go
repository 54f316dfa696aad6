package content

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// DigestTagNames are the tags under which cosign 1 and 2 keep what belongs to a manifest: signatures, attestations, SBOMs
// (https://github.com/sigstore/cosign/blob/v2.4.1/specs/SIGNATURE_SPEC.md#tag-based-discovery). None where a tag cannot hold the digest.
func DigestTagNames(subject digest.Digest) []string {
	tag := subject.Algorithm().String() + "-" + subject.Encoded()
	var names []string
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		if len(tag+suffix) <= longestTag {
			names = append(names, tag+suffix)
		}
	}
	return names
}

// DigestTag is a manifest that belongs to another one by the name of its tag.
type DigestTag struct {
	Tag        string
	Descriptor v1.Descriptor
}

// DigestTags finds the digest tags of a manifest, by one look each, all at once, in the order of [DigestTagNames]. None is no
// error. With an error it returns what was found all the same.
func DigestTags(ctx context.Context, src Source, subject digest.Digest) ([]DigestTag, error) {
	names := DigestTagNames(subject)
	looked := make([]DigestTag, len(names))
	failed := make([]error, len(names))
	var looks sync.WaitGroup
	for i, tag := range names {
		looks.Go(func() {
			d, err := resolve(ctx, src, tag)
			switch {
			case err == nil:
				looked[i] = DigestTag{tag, d}
			case errs.Of(err) != errs.NotFound:
				failed[i] = err
			}
		})
	}
	looks.Wait()
	found := slices.DeleteFunc(looked, func(t DigestTag) bool { return t.Tag == "" })
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
