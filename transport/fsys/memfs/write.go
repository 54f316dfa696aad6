package memfs

import (
	"context"
	"io/fs"
	"path"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// CreateDir opens a directory by path; it shares its files with f.
func (f *FS) CreateDir(_ context.Context, name string) (fsys.WritableDir, error) {
	name = clean(name)
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	if name == "." {
		return f, nil
	}
	if f.tree.files[f.prefix+name] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrInvalid}
	}
	if err := f.mayHold("create", name+"/file"); err != nil {
		return nil, err
	}
	return &FS{tree: f.tree, prefix: f.below(name)}, nil
}

// Place opens the directory of a file that is there or is to be made.
func (f *FS) Place(ctx context.Context, name string) (fsys.WritableDir, string, error) {
	name = clean(name)
	f.tree.mu.RLock()
	err := error(nil)
	if f.tree.files[f.prefix+name] == nil {
		err = f.mayHold("create", name)
	}
	f.tree.mu.RUnlock()
	if err != nil {
		return nil, "", err
	}
	d, err := f.CreateDir(ctx, path.Dir(name))
	return d, path.Base(name), err
}

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

// Remove deletes a file. Empty directories do not exist here.
func (f *FS) Remove(_ context.Context, name string) error {
	if err := fsys.CheckName("remove", name); err != nil {
		return err
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	delete(f.tree.files, f.prefix+name)
	return nil
}

// Sync does nothing.
func (f *FS) Sync(_ context.Context, name string) error { return fsys.CheckName("sync", name) }

// TryLock implements [fsys.Locker] for all who write to the tree.
func (f *FS) TryLock(_ context.Context, name string) (unlock func() error, ok bool, err error) {
	if err := fsys.CheckName("lock", name); err != nil {
		return nil, false, err
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	full := f.prefix + name
	if f.tree.locks[full] {
		return nil, false, nil
	}
	f.tree.locks[full] = true
	return func() error {
		f.tree.mu.Lock()
		defer f.tree.mu.Unlock()
		delete(f.tree.locks, full)
		return nil
	}, true, nil
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
