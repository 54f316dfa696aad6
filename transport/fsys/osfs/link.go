package osfs

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Link implements [fsys.Linker] with a hard link. Linux refuses one to a file of another user that this one may not write
// (fs.protected_hardlinks), and every system one to another file system.
func (d *Dir) Link(ctx context.Context, f fsys.File, name string) (bool, error) {
	from, ok := content.As[file](f)
	if !ok {
		return false, nil
	}
	// The new name is first one that is in the root itself, so that no directory on the way to it can lead out.
	temp := ".link-" + rand.Text()
	if err := os.Link(from.Name(), filepath.Join(d.root.Name(), temp)); err != nil {
		return false, nil // copying says what is wrong, if anything is
	}
	if !d.same(temp, from) { // f lost its name, or the root, to something else
		return false, d.root.Remove(temp)
	}
	if err := d.Rename(ctx, temp, name); err != nil {
		return false, errors.Join(err, d.Remove(ctx, temp))
	}
	return true, nil
}

func (d *Dir) same(name string, f file) bool {
	named, err := d.root.Lstat(name)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}
