package fsys

import (
	"context"
	"path"

	"github.com/stevedore-oci/stevedore/core/content"
)

// Sub is the directory name of d, which need not exist yet. Closing it does not close d.
func Sub(d WritableDir, name string) WritableDir { return sub{d, name} }

type sub struct {
	d    WritableDir
	name string
}

// full is the name in d; what is no valid name stays none.
func (s sub) full(name string) string {
	if CheckName("", name) != nil {
		return name
	}
	return path.Join(s.name, name)
}

func (s sub) Open(ctx context.Context, name string) (File, error) { return s.d.Open(ctx, s.full(name)) }

func (s sub) List(ctx context.Context, name string) ([]Entry, error) {
	return s.d.List(ctx, s.full(name))
}

func (s sub) Append(ctx context.Context, name string) (Writer, error) {
	return s.d.Append(ctx, s.full(name))
}

func (s sub) Rename(ctx context.Context, oldname, newname string) error {
	return s.d.Rename(ctx, s.full(oldname), s.full(newname))
}

func (s sub) Remove(ctx context.Context, name string) error { return s.d.Remove(ctx, s.full(name)) }

func (s sub) Sync(ctx context.Context, name string) error { return s.d.Sync(ctx, s.full(name)) }

func (s sub) TryLock(ctx context.Context, name string) (func() error, bool, error) {
	return TryLock(ctx, s.d, s.full(name))
}

func (s sub) Link(ctx context.Context, f File, name string) (bool, error) {
	l, ok := content.As[Linker](s.d)
	if !ok {
		return false, nil
	}
	return l.Link(ctx, f, s.full(name))
}

func (s sub) Close() error { return nil }

// RemoveAll deletes a directory and what is in it; one that does not exist is no error.
func RemoveAll(ctx context.Context, d WritableDir, name string) error {
	entries, err := d.List(ctx, name)
	if err != nil {
		return d.Remove(ctx, name)
	}
	for _, e := range entries {
		below := path.Join(name, e.Name)
		if e.Dir {
			err = RemoveAll(ctx, d, below)
		} else {
			err = d.Remove(ctx, below)
		}
		if err != nil {
			return err
		}
	}
	return d.Remove(ctx, name)
}
