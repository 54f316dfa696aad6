// Package depot keeps the repositories of a registry in a directory or in memory: what a server that takes pushes writes to.
//
// Everything is one small file, or a blob that all repositories share, so that nothing but the directory has to be kept and
// a repository is read and written without the others:
//
//	blobs/<algorithm>/<hex>                             content, manifests too
//	upload/<session>                                    what has come of a blob
//	repository/<name>/_blob/<algorithm>/<hex>           the repository has this blob
//	repository/<name>/_manifest/<algorithm>/<hex>       the repository has this manifest; its media type
//	repository/<name>/_tag/<tag>                        the digest
//	repository/<name>/_referrer/<subject>/<manifest>    the manifest refers to the subject; both <algorithm>-<hex>
package depot

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"strings"
	"sync"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
	"github.com/stevedore-oci/stevedore/transport/store"
)

const (
	uploads      = "upload"
	repositories = "repository"
	blobs        = "_blob" // no component of a name begins with _
	manifests    = "_manifest"
	tags         = "_tag"
	referrers    = "_referrer"
)

// Depot is the repositories of one registry. It is safe for concurrent use; only one process at a time may write to a
// directory.
type Depot struct {
	dir   fsys.WritableDir
	store *store.Store
	clock clock.Clock

	mu       sync.Mutex
	sessions map[string]*running
}

// New makes a depot of a directory, which it does not close. A nil clock is the system's. It does no I/O.
func New(dir fsys.WritableDir, c clock.Clock) *Depot {
	if c == nil {
		c = clock.System{}
	}
	return &Depot{dir: dir, store: store.New(dir), clock: c, sessions: map[string]*running{}}
}

// Memory makes an empty depot in memory.
func Memory() *Depot { return New(memfs.New(), nil) }

// Serve are the options of a server of the depot that takes pushes.
func (d *Depot) Serve() serve.Options {
	return serve.Options{
		Repositories: d.Open, Catalog: d,
		Writable: func(_ context.Context, name string) (serve.Repository, error) { return d.repository(name) },
	}
}

// Open opens a repository for reading; kind not_found where nothing was ever pushed to that name.
func (d *Depot) Open(ctx context.Context, name string) (content.Source, error) {
	r, err := d.repository(name)
	if err != nil {
		return nil, err
	}
	for _, part := range []string{blobs, manifests} {
		entries, err := d.list(ctx, r.path(part))
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			return r, nil
		}
	}
	return nil, errs.New(errs.NotFound, name, "there is no such repository")
}

func (d *Depot) repository(name string) (*Repository, error) {
	if !ref.ValidRepository(name) {
		return nil, errs.New(errs.Input, name, "is not a repository name")
	}
	return &Repository{depot: d, name: name}, nil
}

// Repositories implements [content.Cataloger], in lexical order.
func (d *Depot) Repositories(ctx context.Context, last string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		d.walk(ctx, "", func(name string, err error) bool { return err == nil && name <= last || yield(name, err) })
	}
}

// walk yields the repositories below a name, each before those below it. That is the lexical order but for names in which a
// byte below the slash follows another's whole name (a-b, a/b).
func (d *Depot) walk(ctx context.Context, below string, yield func(string, error) bool) bool {
	entries, err := d.list(ctx, path.Join(repositories, below))
	if err != nil {
		return yield("", err)
	}
	for _, e := range entries {
		if e.Name == blobs || e.Name == manifests {
			if !yield(below, nil) {
				return false
			}
			break
		}
	}
	for _, e := range entries {
		if e.Dir && !strings.HasPrefix(e.Name, "_") && !d.walk(ctx, path.Join(below, e.Name), yield) {
			return false
		}
	}
	return true
}

// list is empty for what is not there.
func (d *Depot) list(ctx context.Context, name string) ([]fsys.Entry, error) {
	entries, err := d.dir.List(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, fsys.Kinded(name, err)
}

// write gives a small file its content at once: another reader sees the old one or the new one.
func (d *Depot) write(ctx context.Context, name, text string) error {
	p, err := fsys.NewPending(ctx, d.dir, path.Join(uploads, d.unique()), name)
	if err != nil {
		return fsys.Kinded(name, err)
	}
	defer func() { _ = p.Close() }()
	if _, err := p.Write([]byte(text)); err != nil {
		return fsys.Kinded(name, err)
	}
	return fsys.Kinded(name, p.Commit(ctx))
}
