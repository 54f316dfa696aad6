package fsystest

import (
	"context"
	"sync/atomic"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Faults make an operation of a directory fail, and count them. Looking, reading, writing, closing, renaming, removing, syncing,
// linking and locking are operations; giving back a lock is none.
type Faults struct {
	At   int64 // which operation fails, from 1; 0 for none
	Err  error // what it fails with
	Stop bool  // all later ones fail as well, as for a process that ended; a write then leaves a half

	n atomic.Int64
}

// Count is how many operations there were.
func (f *Faults) Count() int64 { return f.n.Load() }

// Happened says whether the operation that was to fail was reached.
func (f *Faults) Happened() bool { return f.At > 0 && f.Count() >= f.At }

func (f *Faults) next() error {
	if n := f.n.Add(1); f.At > 0 && (n == f.At || f.Stop && n > f.At) {
		return f.Err
	}
	return nil
}

// Dir is d with these faults.
func (f *Faults) Dir(d fsys.WritableDir) fsys.WritableDir { return faultyDir{d, f} }

type faultyDir struct {
	d fsys.WritableDir
	f *Faults
}

func (d faultyDir) Open(ctx context.Context, name string) (fsys.File, error) {
	if err := d.f.next(); err != nil {
		return nil, err
	}
	file, err := d.d.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return faultyFile{file, d.f}, nil
}

func (d faultyDir) List(ctx context.Context, name string) ([]fsys.Entry, error) {
	if err := d.f.next(); err != nil {
		return nil, err
	}
	return d.d.List(ctx, name)
}

func (d faultyDir) Append(ctx context.Context, name string) (fsys.Writer, error) {
	if err := d.f.next(); err != nil {
		return nil, err
	}
	w, err := d.d.Append(ctx, name)
	if err != nil {
		return nil, err
	}
	return faultyWriter{w, d.f}, nil
}

func (d faultyDir) Rename(ctx context.Context, oldname, newname string) error {
	if err := d.f.next(); err != nil {
		return err
	}
	return d.d.Rename(ctx, oldname, newname)
}

func (d faultyDir) Remove(ctx context.Context, name string) error {
	if err := d.f.next(); err != nil {
		return err
	}
	return d.d.Remove(ctx, name)
}

func (d faultyDir) Sync(ctx context.Context, name string) error {
	if err := d.f.next(); err != nil {
		return err
	}
	return d.d.Sync(ctx, name)
}

func (d faultyDir) TryLock(ctx context.Context, name string) (func() error, bool, error) {
	if err := d.f.next(); err != nil {
		return nil, false, err
	}
	return fsys.TryLock(ctx, d.d, name)
}

func (d faultyDir) Link(ctx context.Context, f fsys.File, name string) (bool, error) {
	if err := d.f.next(); err != nil {
		return false, err
	}
	l, ok := content.As[fsys.Linker](d.d)
	if !ok {
		return false, nil
	}
	return l.Link(ctx, f, name)
}

func (d faultyDir) Close() error { return d.d.Close() }

type faultyFile struct {
	fsys.File
	f *Faults
}

func (r faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := r.f.next(); err != nil {
		return 0, err
	}
	return r.File.ReadAt(p, off)
}

type faultyWriter struct {
	fsys.Writer
	f *Faults
}

func (w faultyWriter) Write(p []byte) (int, error) {
	err := w.f.next()
	if err == nil {
		return w.Writer.Write(p)
	}
	n := 0
	if w.f.Stop && w.f.Count() == w.f.At {
		n, _ = w.Writer.Write(p[:len(p)/2])
	}
	return n, err
}

func (w faultyWriter) Sync() error {
	if err := w.f.next(); err != nil {
		return err
	}
	return w.Writer.Sync()
}

// Close closes the file also where it says that it failed, as close(2) does.
func (w faultyWriter) Close() error {
	err := w.f.next()
	if cerr := w.Writer.Close(); err == nil {
		err = cerr
	}
	return err
}
