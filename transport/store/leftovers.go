package store

import (
	"context"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Leftovers are what is below [PartialDir] in a directory.
type Leftovers struct {
	store *Store
	lock  string
}

// NewLeftovers looks into a directory that a Store writes to, with lock as [Store.Tidy] has it. It owns dir: Close closes it.
func NewLeftovers(dir fsys.WritableDir, lock string) *Leftovers { return &Leftovers{New(dir), lock} }

// List implements [content.Leftovers].
func (l *Leftovers) List(ctx context.Context) (out []content.Leftover, err error) {
	left, err := l.store.Partials(ctx)
	for _, p := range left {
		out = append(out, content.Leftover{Digest: p.Descriptor.Digest, Size: p.Descriptor.Size})
	}
	return out, err
}

// Remove implements [content.Leftovers].
func (l *Leftovers) Remove(ctx context.Context) (out []content.Leftover, err error) {
	left, err := l.store.Partials(ctx)
	for _, p := range left {
		dropped, err := l.store.Drop(ctx, p)
		if err != nil {
			return out, err
		}
		if dropped {
			out = append(out, content.Leftover{Digest: p.Descriptor.Digest, Size: p.Descriptor.Size})
		}
	}
	l.store.Tidy(ctx, l.lock)
	return out, err
}

// Close closes the directory.
func (l *Leftovers) Close() error { return l.store.dir.Close() }
