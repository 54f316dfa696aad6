package store

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Adopt makes a blob of a file in the store's directory: one whose digest was not known until it was whole, as an upload's.
// The caller has verified it, and no longer uses the file.
func (s *Store) Adopt(ctx context.Context, name string, d digest.Digest) error {
	if err := oci.CheckDigest(d.String()); err != nil {
		return err
	}
	if err := s.acquire(ctx, d); err != nil {
		return err
	}
	defer s.release(d)
	return fsys.Kinded(d.String(), s.rename(ctx, name, d))
}
