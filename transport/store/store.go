// Package store keeps blobs by digest in a directory or in memory, a [content.Store].
//
// A blob is at blobs/<algorithm>/<hex>, as in an image layout, from the moment that it is whole and verified. Until then
// it grows at partial/<algorithm>/<hex>, and stays there when the writer breaks off, for the next one to go on.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	slashpath "path"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

const blobDir = v1.ImageBlobsDir

// PartialDir is where in the directory of a store files grow that are not whole, blobs and others, and where locks are. It is
// gone when nothing is in it.
const PartialDir = "partial"

// Store is a [content.Store] on a directory. It is safe for concurrent use; a second writer of one blob waits for the
// first. Several processes may use a directory where that is a [fsys.Locker].
type Store struct {
	dir    fsys.WritableDir
	name   func(digest.Digest) string // of a whole blob
	synced bool

	mu        sync.Mutex
	busy      map[digest.Digest]chan struct{} // closed when the writer of that blob is done
	corrupted map[digest.Digest]bool          // by CheckBlob
	changed   map[string]bool                 // directories that got a blob
}

// Options say how a store keeps its blobs. The zero value is that of New.
type Options struct {
	// Name is where in the directory a whole blob is, none the same as another's and none below partial/. Nil:
	// blobs/<algorithm>/<hex>. The blobs of a store with names of its own cannot be listed.
	Name func(digest.Digest) string
	// Unsynced leaves it to the system when content reaches the disk. A power failure can then cut off blobs that have their
	// name already. They have another size than their descriptor says, so that Put replaces them.
	Unsynced bool
}

// New makes a store of a directory, which it does not close. It does no I/O.
func New(dir fsys.WritableDir) *Store { return NewWith(dir, Options{}) }

// NewWith is New with options.
func NewWith(dir fsys.WritableDir, o Options) *Store {
	if o.Name == nil {
		o.Name = func(d digest.Digest) string { return path(blobDir, d) }
	}
	return &Store{
		dir: dir, name: o.Name, synced: !o.Unsynced,
		busy: map[digest.Digest]chan struct{}{}, corrupted: map[digest.Digest]bool{}, changed: map[string]bool{},
	}
}

// Memory makes an empty store in memory.
func Memory() *Store { return New(memfs.New()) }

func path(dir string, d digest.Digest) string {
	return dir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// Stat returns digest and size.
func (s *Store) Stat(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	f, err := s.open(ctx, d)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{Digest: d, Size: f.Size()}, f.Close()
}

// Open reads from offset.
func (s *Store) Open(ctx context.Context, d digest.Digest, offset int64) (io.ReadCloser, error) {
	f, err := s.open(ctx, d)
	if err != nil {
		return nil, err
	}
	return fsys.NewReader(ctx, f, offset), nil
}

func (s *Store) open(ctx context.Context, d digest.Digest) (fsys.File, error) {
	if err := oci.CheckDigest(d.String()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	corrupted := s.corrupted[d]
	s.mu.Unlock()
	absent := errs.New(errs.NotFound, d.String(), "is not in the store")
	if corrupted {
		return nil, absent
	}
	f, err := s.dir.Open(ctx, s.name(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent
	}
	return f, fsys.Kinded(d.String(), err)
}

// Delete removes a blob; one that is not there is no error.
func (s *Store) Delete(ctx context.Context, d digest.Digest) error {
	if err := oci.CheckDigest(d.String()); err != nil {
		return err
	}
	return fsys.Kinded(d.String(), s.dir.Remove(ctx, s.name(d)))
}

// List yields the whole blobs of New's names by algorithm and hex. Files that are not named by a digest are passed over.
func (s *Store) List(ctx context.Context) iter.Seq2[v1.Descriptor, error] {
	return func(yield func(v1.Descriptor, error) bool) {
		algorithms, err := s.list(ctx, blobDir)
		if err != nil {
			yield(v1.Descriptor{}, err)
			return
		}
		for _, a := range algorithms {
			if !a.Dir {
				continue
			}
			files, err := s.list(ctx, blobDir+"/"+a.Name)
			if err != nil {
				yield(v1.Descriptor{}, err)
				return
			}
			for _, f := range files {
				d := digest.NewDigestFromEncoded(digest.Algorithm(a.Name), f.Name)
				if !f.Dir && oci.CheckDigest(d.String()) == nil && !yield(v1.Descriptor{Digest: d, Size: f.Size}, nil) {
					return
				}
			}
		}
	}
}

// list is empty for what is not there.
func (s *Store) list(ctx context.Context, name string) ([]fsys.Entry, error) {
	entries, err := s.dir.List(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, fsys.Kinded(name, err)
}

// Sync returns when the names of the blobs that this Store has written are on stable storage, where the platform can. An
// unsynced Store does nothing.
func (s *Store) Sync(ctx context.Context) error {
	if !s.synced {
		return nil
	}
	s.mu.Lock()
	changed := s.changed
	s.changed = map[string]bool{}
	s.mu.Unlock()
	up := map[string]bool{}
	for name := range changed {
		for ; !up[name]; name = slashpath.Dir(name) { // directories may be new themselves
			up[name] = true
		}
	}
	for name := range up {
		if err := s.dir.Sync(ctx, name); err != nil {
			return fsys.Kinded(name, err)
		}
	}
	return nil
}

// acquire waits until nobody else writes d.
func (s *Store) acquire(ctx context.Context, d digest.Digest) error {
	for {
		s.mu.Lock()
		other, taken := s.busy[d]
		if !taken {
			s.busy[d] = make(chan struct{})
		}
		s.mu.Unlock()
		if !taken {
			return nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return errs.Wrap(d.String(), ctx.Err())
		}
	}
}

func (s *Store) release(d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.busy[d])
	delete(s.busy, d)
}

var _ content.Store = (*Store)(nil)
