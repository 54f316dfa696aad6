// Package fsys is the small file system that transports read and write: random access to files, rooted directories, and
// nothing that a browser or a WASI host could not give.
package fsys

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Host opens what a user names: a path in the form of the platform, relative or absolute. Errors wrap fs.ErrNotExist,
// fs.ErrPermission or fs.ErrInvalid.
type Host interface {
	// OpenFile opens a regular file for reading. Reads fail once ctx has ended, where the platform can.
	OpenFile(ctx context.Context, path string) (File, error)
	// OpenDir opens a directory as the root of everything reached through it.
	OpenDir(ctx context.Context, path string) (Dir, error)
}

// File is a file opened for reading, safe for concurrent use. The opener closes it.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes, when it was opened
}

// Entry is one name in a directory.
type Entry struct {
	Name string // one component
	Dir  bool
	Size int64 // bytes, 0 for a directory
}

// Sorted is the list of a directory of which each entry was found by its name, in the order of the names.
func Sorted(found map[string]Entry) []Entry {
	list := make([]Entry, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[name])
	}
	return list
}

// Dir is a directory that cannot be left: names are slash-separated, relative and satisfy [fs.ValidPath], and a symbolic
// link that leads out of the directory is an error.
type Dir interface {
	Open(ctx context.Context, name string) (File, error)
	// List returns the entries of a directory ("." for the root itself) sorted by name.
	List(ctx context.Context, name string) ([]Entry, error)
	io.Closer
}

// WritableHost makes what a user names, in the same paths as a [Host].
type WritableHost interface {
	// CreateDir opens a directory as the root of everything written through it, making it and its parents when they do
	// not exist. The caller closes it.
	CreateDir(ctx context.Context, path string) (WritableDir, error)
	// Place opens the existing directory that the file of that path is in or is to be in, which the caller closes, and
	// says what the file is called there. The error wraps fs.ErrInvalid where something else has that name.
	Place(ctx context.Context, path string) (dir WritableDir, name string, err error)
}

// WritableDir is a Dir that can be changed.
type WritableDir interface {
	Dir
	// Append opens a file for writing at its end, making it and its directories when they do not exist.
	Append(ctx context.Context, name string) (Writer, error)
	// Rename replaces newname atomically, making its directories.
	Rename(ctx context.Context, oldname, newname string) error
	// Remove deletes a file or an empty directory; what does not exist is no error.
	Remove(ctx context.Context, name string) error
	// Sync returns when the names in a directory, or the content of a file, are on stable storage, where the platform can;
	// the files in a directory are synced on their own. What does not exist is no error.
	Sync(ctx context.Context, name string) error
}

// Writer is a file opened for appending.
type Writer interface {
	io.Writer
	Size() int64 // bytes, with what was there before
	// Sync returns when what was written before is on stable storage, where the platform can. It may run beside Write.
	Sync() error
	io.Closer
}

// CheckName says whether name may be used in a Dir.
func CheckName(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}
