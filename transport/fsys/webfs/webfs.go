//go:build js

// Package webfs is the file system of a page: the File and Blob objects that a user dropped or chose, by name. Nothing is
// read before it is asked for, and no more than some windows of a file are in memory.
package webfs

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Host is a tree of Blobs, a [fsys.Host]. It is safe for concurrent use.
type Host struct{ blobs map[string]js.Value }

// New makes a Host of Blobs (a File is one) by slash-separated name; directories are where names have slashes. For a
// chosen folder the name is File.webkitRelativePath.
func New(blobs map[string]js.Value) *Host {
	h := &Host{map[string]js.Value{}}
	for name, b := range blobs {
		h.blobs[clean(name)] = b
	}
	return h
}

// FromObject makes a Host of a JS object whose values are Blobs, or objects of the same kind for directories. The error
// names the first value that is neither.
func FromObject(tree js.Value) (*Host, error) {
	h := &Host{map[string]js.Value{}}
	return h, h.add("", tree)
}

func (h *Host) add(prefix string, tree js.Value) error {
	if tree.Type() != js.TypeObject {
		return fmt.Errorf("%q is no Blob and no object of Blobs", prefix)
	}
	if tree.Get("arrayBuffer").Type() == js.TypeFunction {
		h.blobs[clean(prefix)] = tree
		return nil
	}
	keys := js.Global().Get("Object").Call("keys", tree)
	for i := range keys.Length() {
		name := keys.Index(i).String()
		if err := h.add(prefix+"/"+name, tree.Get(name)); err != nil {
			return err
		}
	}
	return nil
}

// clean makes a name out of what a user typed; "." is the top.
func clean(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// OpenFile opens a Blob.
func (h *Host) OpenFile(ctx context.Context, name string) (fsys.File, error) {
	return (&dir{h, ""}).Open(ctx, clean(name))
}

// OpenDir opens the directory of all names below name.
func (h *Host) OpenDir(_ context.Context, name string) (fsys.Dir, error) {
	name = clean(name)
	if name == "." {
		return &dir{h, ""}, nil
	}
	d := &dir{h, name + "/"}
	if _, ok := h.blobs[name]; ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if !d.exists() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return d, nil
}

// dir is the names that start with prefix, which is "" or ends with a slash.
type dir struct {
	h      *Host
	prefix string
}

func (d *dir) exists() bool {
	for name := range d.h.blobs {
		if strings.HasPrefix(name, d.prefix) {
			return true
		}
	}
	return false
}

func (d *dir) Open(ctx context.Context, name string) (fsys.File, error) {
	if err := fsys.CheckName("open", name); err != nil {
		return nil, err
	}
	if b, ok := d.h.blobs[d.prefix+name]; ok {
		return open(ctx, b)
	}
	err := fs.ErrNotExist
	if name == "." || (&dir{d.h, d.prefix + name + "/"}).exists() {
		err = fs.ErrInvalid
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: err}
}

func (d *dir) List(_ context.Context, name string) ([]fsys.Entry, error) {
	if err := fsys.CheckName("list", name); err != nil {
		return nil, err
	}
	prefix := d.prefix
	if name != "." {
		prefix += name + "/"
	}
	seen := map[string]fsys.Entry{}
	for full, b := range d.h.blobs {
		rest, ok := strings.CutPrefix(full, prefix)
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		e := fsys.Entry{Name: first, Dir: deeper}
		if !deeper {
			e.Size = size(b)
		}
		seen[first] = e
	}
	if len(seen) == 0 && name != "." {
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrNotExist}
	}
	return fsys.Sorted(seen), nil
}

func (d *dir) Close() error { return nil }
