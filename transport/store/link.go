package store

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Link gives the store the file that b is, where it is one and both are on one file system, and says whether it did. The
// content is read once to verify it; nothing is written. Kind verification when it is not what the descriptor says.
func (s *Store) Link(ctx context.Context, b content.Blob) (bool, error) {
	linker, can := content.As[fsys.Linker](s.dir)
	filer, is := content.As[fsys.Filer](b)
	if !can || !is {
		return false, nil
	}
	d := b.Descriptor()
	if err := s.acquire(ctx, d.Digest); err != nil {
		return false, err
	}
	defer s.release(d.Digest)
	f, err := filer.File(ctx)
	if err != nil {
		return false, content.AtSource(err)
	}
	name := path(PartialDir, d.Digest) + "." + rand.Text()
	linked, err := linker.Link(ctx, f, name)
	_ = f.Close() // it was only read
	if !linked || err != nil {
		return false, fsys.Kinded(d.Digest.String(), err)
	}
	err = s.adopt(ctx, name, d)
	if errors.Is(err, fs.ErrNotExist) { // another process tidied up, as it does where the blob is whole
		have, err := s.Stat(ctx, d.Digest)
		return err == nil && have.Size == d.Size, nil
	}
	if err != nil {
		_ = s.dir.Remove(context.WithoutCancel(ctx), name)
		return false, fsys.Kinded(d.Digest.String(), err)
	}
	return true, nil
}

// adopt verifies a file and gives it the name of the blob.
func (s *Store) adopt(ctx context.Context, name string, d v1.Descriptor) error {
	f, err := s.dir.Open(ctx, name)
	if err != nil {
		return err
	}
	r, err := content.Verify(fsys.NewReader(ctx, f, 0), d)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err := drain(r); err != nil {
		return err
	}
	if s.synced { // whoever wrote it may not have
		if err := s.dir.Sync(ctx, name); err != nil {
			return err
		}
	}
	return s.rename(ctx, name, d.Digest)
}

// drain reads to the end, in larger pieces than [io.Discard] takes.
func drain(r io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, piece))
	return err
}

// linker is a [content.Store] that can take over a file.
type linker interface {
	Link(ctx context.Context, b content.Blob) (bool, error)
}

// link is [Store.Link] where s has it.
func link(ctx context.Context, s content.Store, b content.Blob) (bool, error) {
	if l, ok := content.As[linker](s); ok {
		return l.Link(ctx, b)
	}
	return false, nil
}
