package store

import (
	"context"
	"errors"
	"hash"
	"io"
	slashpath "path"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Create starts a blob or goes on with one that was broken off, reading what is there to hash it. Of a blob that is whole
// already, with the size that the descriptor says, the writer has the full size: nothing is left to write, and Commit does nothing.
func (s *Store) Create(ctx context.Context, d v1.Descriptor) (content.Writer, error) {
	if err := oci.CheckDescriptor(d); err != nil {
		return nil, err
	}
	if err := s.acquire(ctx, d.Digest); err != nil {
		return nil, err
	}
	w, err := s.create(ctx, d)
	if err != nil {
		s.release(d.Digest)
		return nil, fsys.Kinded(d.Digest.String(), err)
	}
	return w, nil
}

func (s *Store) create(ctx context.Context, d v1.Descriptor) (*writer, error) {
	w := &writer{s: s, ctx: ctx, d: d, hash: d.Digest.Algorithm().Hash(), unlock: func() error { return nil }}
	have, err := s.Stat(ctx, d.Digest)
	switch {
	case err == nil && have.Size == d.Size:
		w.size, w.committed = d.Size, true
		return w, nil
	case err != nil && errs.Of(err) != errs.NotFound:
		return nil, err
	}
	if w.name, w.unlock, err = s.slot(ctx, d.Digest); err != nil {
		return nil, err
	}
	if err := w.open(); err != nil {
		return nil, errors.Join(err, w.unlock())
	}
	return w, nil
}

// open opens the partial file and hashes what is in it.
func (w *writer) open() (err error) {
	if w.file, err = w.s.dir.Append(w.ctx, w.name); err != nil {
		return err
	}
	if w.file.Size() > w.d.Size { // left by somebody who believed another size
		if err := errors.Join(w.file.Close(), w.s.dir.Remove(w.ctx, w.name)); err != nil {
			return err
		}
		if w.file, err = w.s.dir.Append(w.ctx, w.name); err != nil {
			return err
		}
	}
	if w.s.synced {
		w.file = fsys.Flushed(w.file)
	}
	if err := w.rehash(); err != nil {
		return errors.Join(err, w.file.Close())
	}
	return nil
}

// writer is the one writer of a blob.
type writer struct {
	s      *Store
	ctx    context.Context // of Create, as writes have none of their own
	d      v1.Descriptor
	name   string       // of the partial file
	unlock func() error // lets other processes write to it
	file   fsys.Writer  // nil where the blob is there already, or is done with
	hash   hash.Hash
	size   int64
	err    error // why the blob was dropped

	committed, closed bool
}

func (w *writer) rehash() error {
	if w.file.Size() == 0 {
		return nil
	}
	f, err := w.s.dir.Open(w.ctx, w.name)
	if err != nil {
		return err
	}
	r := fsys.NewReader(w.ctx, f, 0)
	defer func() { _ = r.Close() }()
	w.size, err = io.Copy(w.hash, r)
	return err
}

func (w *writer) Size() int64 { return w.size }

// Write fails with kind verification, and drops the blob, as soon as there is more than the descriptor's size.
func (w *writer) Write(p []byte) (int, error) {
	switch {
	case w.err != nil:
		return 0, w.err
	case w.closed:
		return 0, errs.New(errs.Internal, w.d.Digest.String(), "is written to after it was closed")
	case w.size+int64(len(p)) > w.d.Size:
		return 0, w.drop(w.ctx, errs.New(errs.Verification, w.d.Digest.String(), "is longer than the %d bytes its descriptor says", w.d.Size))
	}
	if err := w.ctx.Err(); err != nil {
		return 0, errs.Wrap(w.d.Digest.String(), err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := w.file.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, fsys.Kinded(w.d.Digest.String(), err)
}

func (w *writer) Commit(ctx context.Context) error {
	switch {
	case w.err != nil:
		return w.err
	case w.committed:
		return nil // was there before
	case w.file == nil:
		return errs.New(errs.Internal, w.d.Digest.String(), "is committed after it was closed")
	case w.size != w.d.Size:
		return w.drop(ctx, errs.New(errs.Verification, w.d.Digest.String(), "has %d bytes, its descriptor says %d", w.size, w.d.Size))
	}
	if got := oci.HashDigest(w.d.Digest.Algorithm(), w.hash); got != w.d.Digest {
		return w.drop(ctx, errs.New(errs.Verification, w.d.Digest.String(), "content has the digest %s", got))
	}
	return fsys.Kinded(w.d.Digest.String(), w.publish(ctx))
}

// publish makes a verified blob visible. The size is looked up once more because a second process that writes to the same
// store where there are no locks would have added to the file.
func (w *writer) publish(ctx context.Context) error {
	f := w.file
	w.file = nil
	var err error
	if w.s.synced {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	whole, err := w.s.dir.Open(ctx, w.name)
	if err != nil {
		return err
	}
	size := whole.Size()
	if err := whole.Close(); err != nil {
		return err
	}
	if size != w.d.Size {
		return w.drop(ctx, errs.New(errs.Verification, w.d.Digest.String(), "was written by two processes at once"))
	}
	err = w.s.rename(ctx, w.name, w.d.Digest)
	w.committed = err == nil
	return err
}

// rename makes a verified file the blob.
func (s *Store) rename(ctx context.Context, name string, d digest.Digest) error {
	if err := s.dir.Rename(ctx, name, s.name(d)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.corrupted, d)
	s.changed[slashpath.Dir(s.name(d))] = true
	return nil
}

// drop removes what was written and remembers why.
func (w *writer) drop(ctx context.Context, why error) error {
	w.err = why
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	if err := w.s.dir.Remove(context.WithoutCancel(ctx), w.name); err != nil {
		w.err = errors.Join(why, err)
	}
	return w.err
}

// Close keeps what was written, and lets the next writer of the blob go on.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	defer w.s.release(w.d.Digest)
	var err error
	if w.file != nil {
		err = w.file.Close()
		w.file = nil
	}
	return fsys.Kinded(w.d.Digest.String(), errors.Join(err, w.unlock()))
}
