package osfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gofrs/flock"
)

// TryLock implements [fsys.Locker] for all processes of this machine, and where the file system has it those of others. The
// lock is on a file of that name, which is removed with it. A platform or file system without locks (WASI, some network
// file systems) has one writer, who gets it.
func (d *Dir) TryLock(_ context.Context, name string) (unlock func() error, ok bool, err error) {
	for range attempts {
		f, err := d.create("lock", name, os.O_CREATE|os.O_RDWR)
		if err != nil {
			return nil, false, err
		}
		info, err := f.Stat()
		if err = errors.Join(regular(info, err), f.Close()); err != nil {
			return nil, false, at("lock", name, err)
		}
		// The library opens files by path. That it leads where the rooted name does is checked below.
		l := flock.New(filepath.Join(d.root.Name(), filepath.FromSlash(name)), flock.SetFlag(os.O_RDWR))
		switch ok, err := l.TryLock(); {
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
			return func() error { return d.root.Remove(name) }, true, nil
		case errors.Is(err, fs.ErrNotExist):
			continue // whoever had it removed the file
		case err != nil || !ok:
			return nil, false, err
		}
		if d.locked(l, name) {
			return func() error {
				_ = d.root.Remove(name) // Windows refuses while the file is open: it stays, and does no harm
				return l.Unlock()
			}, true, nil
		}
		if err := l.Unlock(); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// locked says whether the file that l has locked still has its name, for others to find.
func (d *Dir) locked(l *flock.Flock, name string) bool {
	named, err := d.root.Lstat(name)
	if err != nil {
		return false
	}
	held, err := l.Stat()
	return err == nil && os.SameFile(named, held)
}
