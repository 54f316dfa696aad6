package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Target is where an archive is written to. Only its maker and one sink use it.
type Target struct {
	// spool is where blobs wait until it is known in which order they are written. Nil: they are opened then.
	spool fsys.WritableDir
	// create starts the archive itself.
	create func(ctx context.Context) (output, error)
	// close lets go of the place. done says that what waited is not needed any more.
	close func(done bool) error
}

// output is an archive that is seen when it is published.
type output interface {
	io.Writer
	Publish(ctx context.Context) error
	io.Closer
}

// spoolOf is the folder beside an archive in which its blobs wait, lockOf what the one holds who writes it.
func spoolOf(name string) string { return "." + name + ".partial" }
func lockOf(name string) string  { return "." + name + ".lock" }

// ToFile makes a target of the file name in dir, which Commit replaces. Blobs wait beside it, in a folder .name.partial
// that a later copy goes on with, and that is gone when one ends well. It owns dir, also after an error. Kind denied when
// another process writes the same archive.
func ToFile(ctx context.Context, dir fsys.WritableDir, name, subject string) (*Target, error) {
	spool := spoolOf(name)
	unlock, ok, err := fsys.TryLock(ctx, dir, lockOf(name))
	if err == nil && !ok {
		err = errs.New(errs.Denied, subject, "is being written by another process")
	}
	if err != nil {
		return nil, errors.Join(fsys.Kinded(subject, err), dir.Close())
	}
	return &Target{
		spool: fsys.Sub(dir, spool),
		create: func(ctx context.Context) (output, error) {
			temp := spool + "/archive"
			if err := dir.Remove(ctx, temp); err != nil { // of a copy that broke off
				return nil, err
			}
			return fsys.NewPending(ctx, dir, temp, name)
		},
		close: func(done bool) (err error) {
			if done {
				err = fsys.RemoveAll(context.Background(), dir, spool)
			}
			return errors.Join(err, unlock(), dir.Close())
		},
	}, nil
}

// ToStream makes a target of what open opens when everything is there to be written. Blobs wait in scratch; where that is
// nil they are read from their source only then, one after the other.
func ToStream(scratch fsys.WritableDir, open func(ctx context.Context) (io.WriteCloser, error)) *Target {
	t := &Target{
		create: func(ctx context.Context) (output, error) {
			w, err := open(ctx)
			if err != nil {
				return nil, err
			}
			return &stream{w, false}, nil
		},
		close: func(bool) error { return nil },
	}
	if scratch != nil {
		name := "archive-" + rand.Text()
		t.spool = fsys.Sub(scratch, name)
		t.close = func(bool) error { return fsys.RemoveAll(context.Background(), scratch, name) }
	}
	return t
}

// stream is an output that cannot be taken back.
type stream struct {
	w      io.WriteCloser
	closed bool
}

func (s *stream) Write(p []byte) (int, error) { return s.w.Write(p) }

func (s *stream) Publish(context.Context) error { return s.Close() }

// aborter is an output that can be told that what it has is not whole.
type aborter interface{ Abort(error) }

func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.w.Close()
}

// fail closes an output of which not everything was written.
func (s *stream) fail(err error) {
	if a, ok := s.w.(aborter); ok && !s.closed {
		s.closed = true
		a.Abort(err)
	}
}
