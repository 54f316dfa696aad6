package osfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Dir is a rooted directory, a [fsys.WritableDir]. New files have mode 0666 and directories 0777, before the umask.
type Dir struct{ root *os.Root }

// Open opens a regular file below the root.
func (d *Dir) Open(_ context.Context, name string) (fsys.File, error) {
	if err := fsys.CheckName("open", name); err != nil {
		return nil, err
	}
	if err := regular(d.root.Stat(name)); err != nil {
		return nil, at("open", name, inside(err))
	}
	return open(d.root.Open(name))
}

// errOutside is for what [os.Root] refuses, with an error that has no name.
var errOutside = fmt.Errorf("%w: it leads out of the directory", fs.ErrInvalid)

// inside puts errOutside in the place of an error that the system did not give.
func inside(err error) error {
	var pe *fs.PathError
	var no syscall.Errno
	if errors.As(err, &pe) && !errors.As(pe.Err, &no) && !errors.Is(pe.Err, fs.ErrNotExist) && !errors.Is(pe.Err, fs.ErrClosed) {
		return &fs.PathError{Op: pe.Op, Path: pe.Path, Err: errOutside}
	}
	return err
}

// List reads a directory. An entry that is neither a file nor a directory once links are followed, or whose link leads
// out of the root, is left out.
func (d *Dir) List(ctx context.Context, name string) ([]fsys.Entry, error) {
	if err := fsys.CheckName("list", name); err != nil {
		return nil, err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, inside(err)
	}
	defer func() { _ = f.Close() }()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, at("list", name, err)
	}
	slices.Sort(names)
	out := make([]fsys.Entry, 0, len(names))
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, err := d.root.Stat(path.Join(name, n))
		switch {
		case err != nil:
			continue
		case info.IsDir():
			out = append(out, fsys.Entry{Name: n, Dir: true})
		case info.Mode().IsRegular():
			out = append(out, fsys.Entry{Name: n, Size: info.Size()})
		}
	}
	return out, nil
}

// attempts is how often a file is made anew because another process removed its empty directory in between.
const attempts = 5

// Append opens a file for writing at its end.
func (d *Dir) Append(_ context.Context, name string) (fsys.Writer, error) {
	f, err := d.create("append", name, os.O_CREATE|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err := regular(info, err); err != nil {
		_ = f.Close()
		return nil, at("append", name, err)
	}
	return &writer{f, info.Size()}, nil
}

// create opens a file and makes its directories.
func (d *Dir) create(op, name string, flag int) (*os.File, error) {
	for n := 1; ; n++ {
		if err := d.parents(op, name); err != nil {
			return nil, err
		}
		f, err := d.root.OpenFile(name, flag, 0o666)
		if n == attempts || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
}

// Rename replaces newname by oldname.
func (d *Dir) Rename(_ context.Context, oldname, newname string) error {
	if err := fsys.CheckName("rename", oldname); err != nil {
		return err
	}
	if err := d.parents("rename", newname); err != nil {
		return err
	}
	return d.root.Rename(oldname, newname)
}

// Remove deletes a file or an empty directory.
func (d *Dir) Remove(_ context.Context, name string) error {
	if err := fsys.CheckName("remove", name); err != nil {
		return err
	}
	if err := d.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sync is fsync of a directory or file.
func (d *Dir) Sync(_ context.Context, name string) error {
	if err := fsys.CheckName("sync", name); err != nil {
		return err
	}
	f, err := d.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(syncFile(f), f.Close())
}

// syncFile is fsync of a directory or of a file opened for reading. Platforms that have it for writers only refuse, each with
// an error of its own (Windows says access denied, WASI hosts say EBADF or EINVAL); what says that the disk failed is told.
func syncFile(f *os.File) error {
	if err := f.Sync(); errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// Close releases the root; files opened through it stay open.
func (d *Dir) Close() error { return d.root.Close() }

// parents makes the directories that name is in.
func (d *Dir) parents(op, name string) error {
	if err := fsys.CheckName(op, name); err != nil {
		return err
	}
	dir := path.Dir(name)
	if dir == "." {
		return nil
	}
	return d.root.MkdirAll(dir, 0o777)
}

// writer counts; *os.File is not embedded because its other methods would write past the count.
type writer struct {
	f    *os.File
	size int64
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	w.size += int64(n)
	return n, err
}

func (w *writer) Size() int64 { return w.size }

func (w *writer) Sync() error { return w.f.Sync() }

func (w *writer) Close() error { return w.f.Close() }
