package store

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// CheckBlob implements [content.Checker]. For this Store a corrupted blob is not there any more; its file stays until a whole
// one replaces it.
func (s *Store) CheckBlob(ctx context.Context, d v1.Descriptor) error {
	if err := oci.CheckDescriptor(d); err != nil {
		return err
	}
	raw, err := s.Open(ctx, d.Digest, 0)
	if err != nil {
		return err
	}
	r, err := content.Verify(raw, d)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err = drain(r); errs.Of(err) == errs.Verification {
		s.mu.Lock()
		s.corrupted[d.Digest] = true
		s.mu.Unlock()
	}
	return err
}
