package transport

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/archive"
	"github.com/stevedore-oci/stevedore/transport/dir"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/static"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// Create opens the endpoint of r for writing; the caller closes it, and gives [ref.Reference.Ident] of r to PutManifest of
// what r is to name. A layout or folder that is there is added to, an archive is replaced by Commit. ctx must stay alive
// as long as what is opened. Kinds: denied for paths, input for what is there and not of the format that the scheme says,
// unsupported for what this host or transport cannot write.
func (m *Mux) Create(ctx context.Context, r ref.Reference) (content.Sink, error) {
	switch r.Scheme {
	case ref.Docker:
		to, err := m.written(r)
		if err != nil {
			return nil, err
		}
		return m.registry.Sink(to), nil
	case ref.OCI:
		d, err := m.createDir(ctx, r)
		if err != nil {
			return nil, err
		}
		return asSink(layout.Create(ctx, d, r.Typed, m.clock()))
	case ref.OCIArchive, ref.DockerArchive:
		return m.createArchive(ctx, r)
	case ref.Dir:
		d, err := m.createDir(ctx, r)
		if err != nil {
			return nil, err
		}
		return asSink(dir.Create(ctx, d, r.Typed))
	case ref.Static:
		d, err := m.createDir(ctx, r)
		if err != nil {
			return nil, err
		}
		return asSink(static.Create(d, r.Repository, r.Typed, m.clock()))
	case ref.Mem:
		return m.createMem(r)
	}
	return nil, errs.New(errs.Input, r.Typed, "has the unknown transport %q", r.Scheme)
}

// createDir opens the folder of r for writing, and makes it where there is none.
func (m *Mux) createDir(ctx context.Context, r ref.Reference) (fsys.WritableDir, error) {
	if m.o.Writable == nil {
		return nil, errs.New(errs.Unsupported, r.Typed, "this host writes no files")
	}
	d, err := m.o.Writable.CreateDir(ctx, r.Path)
	if errors.Is(err, fs.ErrInvalid) {
		return nil, errs.New(errs.Input, r.Typed, "is not a directory").
			Hinted("a file is written with oci-archive: or docker-archive:")
	}
	return d, fsys.Kinded(r.Typed, err)
}

// createArchive opens the file of r, or standard output, for an archive.
func (m *Mux) createArchive(ctx context.Context, r ref.Reference) (content.Sink, error) {
	t, err := m.target(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.Scheme == ref.DockerArchive {
		return archive.CreateDocker(t, r.Typed, m.o.Yield), nil
	}
	return archive.CreateOCI(t, r.Typed), nil
}

func (m *Mux) target(ctx context.Context, r ref.Reference) (*archive.Target, error) {
	if r.Path == stdin {
		if m.o.Stdout == nil {
			return nil, errs.New(errs.Unsupported, r.Typed, "this host has no standard output")
		}
		open := func(ctx context.Context) (io.WriteCloser, error) { return m.o.Stdout(ctx, fileName(r)) }
		return archive.ToStream(m.o.Scratch.Dir(), open), nil
	}
	d, name, err := m.place(ctx, r)
	if err != nil {
		return nil, err
	}
	t, err := archive.ToFile(ctx, d, name, r.Typed)
	if errs.Of(err) == errs.NotFound { // wazero says so of every new file in a directory that is only read
		return nil, errs.New(errs.Unsupported, r.Typed, "no file can be made there")
	}
	return t, err
}

// place opens the directory of an archive, and says what it is called there.
func (m *Mux) place(ctx context.Context, r ref.Reference) (fsys.WritableDir, string, error) {
	if m.o.Writable == nil {
		return nil, "", errs.New(errs.Unsupported, r.Typed, "this host writes no files")
	}
	d, name, err := m.o.Writable.Place(ctx, r.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", errs.New(errs.NotFound, r.Typed, "there is no such directory to write it in")
	case errors.Is(err, fs.ErrInvalid):
		return nil, "", errs.New(errs.Input, r.Typed, "is not a regular file").
			Hinted("a layout in a directory is written with oci:, and - is standard output")
	}
	return d, name, fsys.Kinded(r.Typed, err)
}

// Leftovers opens what copies to r left that broke off; the caller closes it. Kinds: those of Create, not_found for a
// directory that is not there, unsupported for what is neither a directory nor a file.
func (m *Mux) Leftovers(ctx context.Context, r ref.Reference) (content.Leftovers, error) {
	lock := ""
	switch r.Scheme {
	case ref.OCI:
		lock = layout.Lock
	case ref.Dir:
		lock = dir.Lock
	case ref.Static:
		lock = static.Lock
	case ref.OCIArchive, ref.DockerArchive:
		if r.Path == stdin {
			break
		}
		d, name, err := m.place(ctx, r)
		if err != nil {
			return nil, err
		}
		return archive.NewLeftovers(d, name), nil
	}
	if lock == "" {
		return nil, errs.New(errs.Unsupported, r.Typed, "nothing is kept there of copies that break off")
	}
	there, err := m.opened(ctx, r) // since what is not there must not be made
	if err != nil {
		return nil, err
	}
	if err := there.Close(); err != nil {
		return nil, fsys.Kinded(r.Typed, err)
	}
	d, err := m.createDir(ctx, r)
	if err != nil {
		return nil, err
	}
	return store.NewLeftovers(d, lock), nil
}

// fileName suggests what a file with the archive of r is called: after what its image is called in it.
func fileName(r ref.Reference) string {
	name := strings.ReplaceAll(r.Tag[strings.LastIndex(r.Tag, "/")+1:], ":", "-")
	if strings.Trim(name, ".") == "" {
		name = "image"
	}
	return name + map[string]string{ref.OCIArchive: ".oci.tar", ref.DockerArchive: ".docker.tar"}[r.Scheme]
}

// createMem finds a repository in memory that can be written.
func (m *Mux) createMem(r ref.Reference) (content.Sink, error) {
	s, ok := m.o.Mem[r.Path]
	if !ok {
		return nil, errs.New(errs.NotFound, r.Typed, "there is no repository of that name in memory")
	}
	repository, ok := content.As[*mem.Repository](s)
	if !ok {
		return nil, errs.New(errs.Unsupported, r.Typed, "what has that name in memory is only read")
	}
	return repository.Sink(), nil
}

func (m *Mux) clock() clock.Clock {
	if m.o.Clock == nil {
		return clock.System{}
	}
	return m.o.Clock
}

// asSink makes an interface of a concrete sink without making one of nil.
func asSink[S content.Sink](s S, err error) (content.Sink, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
