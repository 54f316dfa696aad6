package memfs

import (
	"context"
	"io/fs"
	"path"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Append opens a file for writing at its end.
func (f *FS) Append(_ context.Context, name string) (fsys.Writer, error) {
	if err := fsys.CheckName("append", name); err != nil {
		return nil, err
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	if err := f.mayHold("append", name); err != nil {
		return nil, err
	}
	b := f.tree.files[f.prefix+name]
	if b == nil {
		b = new([]byte)
		f.tree.files[f.prefix+name] = b
	}
	return &writer{f.tree, b}, nil
}

// mayHold says whether a file may have that name: not a directory's, and none of its parents a file's.
func (f *FS) mayHold(op, name string) error {
	if name == "." || (&FS{f.tree, f.below(name)}).exists() {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if f.tree.files[f.prefix+dir] != nil {
			return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
		}
	}
	return nil
}

// Rename replaces newname by oldname.
func (f *FS) Rename(_ context.Context, oldname, newname string) error {
	for _, name := range []string{oldname, newname} {
		if err := fsys.CheckName("rename", name); err != nil {
			return err
		}
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	b := f.tree.files[f.prefix+oldname]
	if b == nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: fs.ErrNotExist}
	}
	if err := f.mayHold("rename", newname); err != nil {
		return err
	}
	delete(f.tree.files, f.prefix+oldname)
	f.tree.files[f.prefix+newname] = b
	return nil
}

// Remove deletes a file.
func (f *FS) Remove(_ context.Context, name string) error {
	if err := fsys.CheckName("remove", name); err != nil {
		return err
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	delete(f.tree.files, f.prefix+name)
	return nil
}

type writer struct {
	tree *tree
	b    *[]byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.tree.mu.Lock()
	defer w.tree.mu.Unlock()
	*w.b = append(*w.b, p...)
	return len(p), nil
}

func (w *writer) Size() int64 {
	w.tree.mu.RLock()
	defer w.tree.mu.RUnlock()
	return int64(len(*w.b))
}

func (w *writer) Sync() error { return nil }

func (w *writer) Close() error { return nil }
