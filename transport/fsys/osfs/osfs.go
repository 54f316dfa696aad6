// Package osfs is the file system of the operating system: a [fsys.Host] and [fsys.WritableHost] for the paths a user
// names, and rooted directories over [os.Root]. It builds on every platform, WASI preview 1 included.
package osfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Host opens paths as the process sees them. The zero value is ready.
type Host struct{}

// OpenFile opens a regular file. For a directory, a pipe or a device the error wraps fs.ErrInvalid: those cannot be
// read at an offset, or not twice.
func (Host) OpenFile(_ context.Context, path string) (fsys.File, error) {
	// Stat comes first because opening a pipe waits for its writer.
	if err := regular(stat(path)); err != nil {
		return nil, at("open", path, err)
	}
	return open(os.Open(path))
}

// OpenDir opens a directory; symbolic links on the way to it are followed, those below it must stay in it.
func (Host) OpenDir(_ context.Context, path string) (fsys.Dir, error) {
	return OpenRoot(path)
}

// CreateDir opens a directory for reading and writing, making it and its parents when they do not exist.
func (Host) CreateDir(_ context.Context, path string) (fsys.WritableDir, error) {
	d, err := Create(path)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Place opens the directory of a file that is there or is to be made. A symbolic link is followed first, so that the file
// is replaced and not the link.
func (Host) Place(_ context.Context, path string) (fsys.WritableDir, string, error) {
	switch real, err := filepath.EvalSymlinks(path); {
	case err == nil:
		path = real
	case !errors.Is(err, fs.ErrNotExist):
		return nil, "", err
	}
	if err := regular(stat(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", at("create", path, err)
	}
	d, err := OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, "", err
	}
	return d, filepath.Base(path), nil
}

// OpenRoot opens an existing directory for reading and writing.
func OpenRoot(path string) (*Dir, error) {
	info, err := stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Dir{root}, nil
}

// Create opens a directory for reading and writing, making it and its parents when they do not exist.
func Create(path string) (*Dir, error) {
	d, err := OpenRoot(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, err
	}
	return OpenRoot(path)
}

// stat is os.Stat. Go on WASI gives EBADF for a path that is below no directory the runtime opened: for us it is not there.
func stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, syscall.EBADF) {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return info, err
}

// regular accepts regular files only.
func regular(info fs.FileInfo, err error) error {
	if err == nil && !info.Mode().IsRegular() {
		return fs.ErrInvalid
	}
	return err
}

// at names the operation and the path in an error that does not.
func at(op, path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// file is an open regular file.
type file struct {
	*os.File
	size int64
}

func (f file) Size() int64 { return f.size }

// open checks what was opened once more, since a name can change between the look and the opening.
func open(f *os.File, err error) (fsys.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err := regular(info, err); err != nil {
		_ = f.Close()
		return nil, at("open", f.Name(), err)
	}
	return file{f, info.Size()}, nil
}
