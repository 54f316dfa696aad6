package store

import (
	"context"
	"errors"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Shared is what the sinks of directories have in common that several copies write to at once: a store of blobs, and documents
// that lead to them and change under a lock.
type Shared struct {
	Dir     fsys.WritableDir
	Subject string // what errors name
	Clock   clock.Clock
	Blobs   *Store
	Lock    string // is held while documents change

	mu sync.Mutex // of Change
}

// Change calls change while nobody else changes the documents, and when the blobs that were stored are on stable storage, where
// the platform can: what leads to a blob is never there before it.
func (s *Shared) Change(ctx context.Context, change func(ctx context.Context) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fsys.Kinded(s.Subject, s.change(ctx, change))
}

func (s *Shared) change(ctx context.Context, change func(ctx context.Context) error) (err error) {
	if err := s.Blobs.Sync(ctx); err != nil {
		return err
	}
	unlock, err := fsys.Lock(ctx, s.Dir, s.Lock, s.Clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return change(ctx)
}

// CheckBlob implements content.Checker.
func (s *Shared) CheckBlob(ctx context.Context, d v1.Descriptor) error {
	return errs.Wrap(s.Subject, s.Blobs.CheckBlob(ctx, d))
}

// Close lets go of the directory. What was stored and not committed stays, for the next copy to find.
func (s *Shared) Close() error {
	s.Blobs.Tidy(context.Background(), s.Lock)
	return s.Dir.Close()
}
