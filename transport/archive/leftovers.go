package archive

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Leftovers are what waits beside an archive that was not finished.
type Leftovers struct {
	dir  fsys.WritableDir
	name string
}

// NewLeftovers looks beside the file name of dir. It owns dir: Close closes it.
func NewLeftovers(dir fsys.WritableDir, name string) *Leftovers { return &Leftovers{dir, name} }

// List implements [content.Leftovers].
func (l *Leftovers) List(ctx context.Context) ([]content.Leftover, error) {
	var out []content.Leftover
	err := l.walk(ctx, spoolOf(l.name), func(name string, size int64) {
		hex, _, _ := strings.Cut(path.Base(name), ".")
		d := digest.NewDigestFromEncoded(digest.Algorithm(path.Base(path.Dir(name))), hex)
		if oci.CheckDigest(d.String()) == nil && size > 0 {
			out = append(out, content.Leftover{Digest: d, Size: size})
		}
	})
	return out, fsys.Kinded(l.name, err)
}

func (l *Leftovers) walk(ctx context.Context, dir string, visit func(name string, size int64)) error {
	entries, err := l.dir.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		name := dir + "/" + e.Name
		if !e.Dir {
			visit(name, e.Size)
		} else if err := l.walk(ctx, name, visit); err != nil {
			return err
		}
	}
	return err
}

// Remove implements [content.Leftovers].
func (l *Leftovers) Remove(ctx context.Context) ([]content.Leftover, error) {
	unlock, ok, err := fsys.TryLock(ctx, l.dir, lockOf(l.name))
	if !ok || err != nil {
		return nil, fsys.Kinded(l.name, err)
	}
	out, err := l.List(ctx)
	if err == nil {
		err = fsys.RemoveAll(ctx, l.dir, spoolOf(l.name))
	}
	return out, fsys.Kinded(l.name, errors.Join(err, unlock()))
}

// Close closes the directory.
func (l *Leftovers) Close() error { return l.dir.Close() }
