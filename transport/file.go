package transport

import (
	"context"
	"errors"
	"io/fs"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/archive"
	"github.com/stevedore-oci/stevedore/transport/dir"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/static"
)

// openDir opens oci:, dir: and static:.
func (m *Mux) openDir(ctx context.Context, r ref.Reference) (content.Source, error) {
	d, err := m.opened(ctx, r)
	if err != nil {
		return nil, err
	}
	switch r.Scheme {
	case ref.Dir:
		return as(dir.Open(ctx, d, r.Typed))
	case ref.Static:
		return as(static.Open(ctx, d, r.Repository, r.Typed))
	}
	return as(layout.Open(ctx, d, r.Typed))
}

// opened opens the folder of a reference.
func (m *Mux) opened(ctx context.Context, r ref.Reference) (fsys.Dir, error) {
	if m.o.Files == nil {
		return nil, errs.New(errs.Unsupported, r.Typed, "this host has no files")
	}
	d, err := m.o.Files.OpenDir(ctx, r.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errs.New(errs.NotFound, r.Typed, "there is no such directory")
	case errors.Is(err, fs.ErrInvalid):
		return nil, errs.New(errs.Input, r.Typed, "is not a directory").
			Hinted("a file is read with oci-archive: or docker-archive:")
	}
	return d, fsys.Kinded(r.Typed, err)
}

// openArchive opens oci-archive: and docker-archive:, from a file or from standard input.
func (m *Mux) openArchive(ctx context.Context, r ref.Reference) (content.Source, error) {
	f, err := m.openTar(ctx, r)
	if err != nil {
		return nil, err
	}
	o := archive.Options{Scratch: m.o.Scratch, Yield: m.o.Yield}
	if r.Scheme == ref.DockerArchive {
		return as(archive.OpenDocker(ctx, f, r.Typed, o))
	}
	return as(archive.OpenOCI(ctx, f, r.Typed, o))
}

func (m *Mux) openTar(ctx context.Context, r ref.Reference) (fsys.File, error) {
	if r.Path == stdin {
		return m.spoolStdin(ctx, r.Typed)
	}
	f, err := m.openFile(ctx, r.Path, r.Typed)
	if !errors.Is(err, errNotRegular) {
		return f, err
	}
	if d, derr := m.o.Files.OpenDir(ctx, r.Path); derr == nil {
		return nil, errors.Join(errs.New(errs.Input, r.Typed, "is a directory").Hinted("a layout in a directory is read with oci:"), d.Close())
	}
	return nil, errs.New(errs.Input, r.Typed, "%w", errNotRegular).Hinted("a pipe is read as standard input: %s:-", r.Scheme)
}

// spoolStdin copies standard input to scratch, because an archive is not read in order.
func (m *Mux) spoolStdin(ctx context.Context, subject string) (fsys.File, error) {
	scratch := m.o.Scratch.Dir()
	if scratch == nil {
		return nil, errs.New(errs.Unsupported, subject, "an archive from standard input needs temporary space, and this host has none").
			Hinted("name the file instead, or give it a temporary folder (TMPDIR)")
	}
	in, err := m.openStdin(ctx, subject)
	if err != nil {
		return nil, err
	}
	f, err := archive.Spool(ctx, scratch, in)
	if err = errors.Join(err, in.Close()); err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, fsys.Kinded(subject, err)
	}
	return f, nil
}

// as makes an interface of a concrete source without making one of nil.
func as[S content.Source](s S, err error) (content.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
