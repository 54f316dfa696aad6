package content

import (
	"context"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/oci"
)

// Describe is what a [Resolver] answers that has its manifests at hand: it reads the one that ref names. A digest stays as it was
// asked for, in whichever algorithm. Kinds: those of [Source.Manifest].
func Describe(ctx context.Context, s Source, ref string) (v1.Descriptor, error) {
	doc, err := s.Manifest(ctx, ref)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := doc.Descriptor()
	if oci.CheckDigest(ref) == nil {
		d.Digest = digest.Digest(ref)
	}
	return d, nil
}
