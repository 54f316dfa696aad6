// Package memfs is a file system in memory: for tests, for small things on hosts without files, and for what a host
// hands over as bytes.
package memfs

import (
	"context"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// FS is a tree of files in memory, both a [fsys.Host] (paths are cleaned and taken from its top) and a
// [fsys.WritableDir]. Directories exist where files are below them. It is safe for concurrent use; use New or From.
type FS struct {
	tree   *tree
	prefix string // "" or a directory with a slash at its end
}

type tree struct {
	mu    sync.RWMutex
	files map[string]*[]byte // content only grows, so that a reader's view stays valid
	locks map[string]bool
}

// New returns an empty tree.
func New() *FS { return &FS{tree: &tree{files: map[string]*[]byte{}, locks: map[string]bool{}}} }

// From returns a tree that holds files; names are slash-separated and relative. The bytes are not copied.
func From(files map[string][]byte) *FS {
	f := New()
	for name, b := range files {
		f.tree.files[name] = &b
	}
	return f
}

// OpenFile opens a file by path.
func (f *FS) OpenFile(ctx context.Context, name string) (fsys.File, error) {
	return f.Open(ctx, clean(name))
}

// OpenDir opens a directory by path; it shares its files with f.
func (f *FS) OpenDir(_ context.Context, name string) (fsys.Dir, error) {
	name = clean(name)
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	if f.tree.files[f.prefix+name] != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	sub := &FS{tree: f.tree, prefix: f.below(name)}
	if name != "." && !sub.exists() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return sub, nil
}

func clean(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// below is the prefix of what is in the directory name.
func (f *FS) below(name string) string {
	if name == "." {
		return f.prefix
	}
	return f.prefix + name + "/"
}

// exists says whether a file is below f; the tree is locked.
func (f *FS) exists() bool {
	for name := range f.tree.files {
		if strings.HasPrefix(name, f.prefix) {
			return true
		}
	}
	return false
}

// Open opens a file as it is now.
func (f *FS) Open(_ context.Context, name string) (fsys.File, error) {
	if err := fsys.CheckName("open", name); err != nil {
		return nil, err
	}
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	if b := f.tree.files[f.prefix+name]; b != nil {
		return file(*b), nil
	}
	err := fs.ErrNotExist
	if name == "." || (&FS{f.tree, f.below(name)}).exists() {
		err = fs.ErrInvalid
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: err}
}

// List returns the entries of a directory.
func (f *FS) List(_ context.Context, name string) ([]fsys.Entry, error) {
	if err := fsys.CheckName("list", name); err != nil {
		return nil, err
	}
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	seen := map[string]fsys.Entry{}
	for full, b := range f.tree.files {
		rest, ok := strings.CutPrefix(full, f.below(name))
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		e := fsys.Entry{Name: first, Dir: deeper}
		if !deeper {
			e.Size = int64(len(*b))
		}
		seen[first] = e
	}
	if len(seen) == 0 && name != "." {
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrNotExist}
	}
	return fsys.Sorted(seen), nil
}

// Close does nothing.
func (f *FS) Close() error { return nil }

// file is the content of a file when it was opened.
type file []byte

func (b file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b file) Size() int64 { return int64(len(b)) }

func (b file) Close() error { return nil }
