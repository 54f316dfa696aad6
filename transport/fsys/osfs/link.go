package osfs

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Link implements [fsys.Linker] with a hard link. Linux refuses one to a file of another user that this one may not write
// (fs.protected_hardlinks), and every system one to another file system.
func (d *Dir) Link(_ context.Context, f fsys.File, name string) (bool, error) {
	from, ok := content.As[file](f)
	if !ok {
		return false, nil
	}
	if err := d.parents("link", name); err != nil {
		return false, err
	}
	if !d.real(path.Dir(name)) {
		return false, nil
	}
	if err := os.Link(from.Name(), filepath.Join(d.root.Name(), filepath.FromSlash(name))); err != nil {
		return false, nil // copying says what is wrong, if anything is
	}
	if !d.same(name, from) { // f has lost its name to something else
		return false, d.root.Remove(name)
	}
	return true, nil
}

// real says whether no part of a directory's name is a symbolic link. There is no call that links from one root to another, so
// the new name is a path here, and must not lead out.
func (d *Dir) real(name string) bool {
	for ; name != "."; name = path.Dir(name) {
		if info, err := d.root.Lstat(name); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// same says whether a name is that of an open file, and not of a link to it.
func (d *Dir) same(name string, f file) bool {
	named, err := d.root.Lstat(name)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}
