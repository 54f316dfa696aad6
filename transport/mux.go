// Package transport opens what a reference names: a registry, a layout, an archive, a folder. A [Mux] is the one place
// that knows every scheme; what it may reach (files, network, credentials) is what its maker gave it.
package transport

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// Options is what a host gives to a Mux. The zero value opens nothing: a nil field is a thing this host cannot do.
type Options struct {
	// Files opens paths. Nil: the transports on files are of kind unsupported.
	Files fsys.Host
	// Writable makes files and directories. Nil: the transports on files cannot be written.
	Writable fsys.WritableHost
	// Fetcher reaches registries. Nil: docker:// is of kind unsupported, and NoRegistryHint says what to do instead.
	Fetcher        fetchshim.Fetcher
	NoRegistryHint string // "" for a general one
	// Keychain finds credentials. Nil: anonymous.
	Keychain auth.Keychain
	// PlainHTTP says which registries (host[:port]) are spoken to without TLS. Nil: those on the loopback only.
	PlainHTTP func(host string) bool
	// HidesHeaders is true where the host does not show every response header (CORS in a browser).
	HidesHeaders bool
	// Inactivity is how long a registry may keep a request waiting without a byte; 0 where the Fetcher sees to that itself.
	Inactivity time.Duration
	// Ranges is how many parts of one large blob are read from a registry at once; see [registry.Options].
	Ranges int
	// Mirrors finds the images of registries, which may be in several places. Nil: they are where their references say.
	Mirrors Mirrors
	// MirrorKeychain finds credentials for registries other than the one that was named. Nil: Keychain does.
	MirrorKeychain auth.Keychain
	// CreateRepository makes a repository that a push finds missing. Nil: the push fails.
	CreateRepository func(ctx context.Context, registry, repository string) error
	// Clock is how the registry client waits. Nil: clock.System.
	Clock clock.Clock
	// Event is told about retries and warnings. Nil: nobody listens.
	Event func(event.Event)
	// Yield is called at least once per 64 KiB that is read or written. Nil natively.
	Yield func()
	// Stdin opens standard input, for "-" where an archive or a file is taken. Nil: there is none.
	Stdin func(ctx context.Context) (io.ReadCloser, error)
	// Stdout opens standard output, for "-" where an archive is written; the Mux closes it. The name is what a file of it would
	// be called. Nil: there is none.
	Stdout func(ctx context.Context, name string) (io.WriteCloser, error)
	// Scratch is temporary space for decompressed archives and piped input, asked for when one is there. Nil: a compressed archive
	// is read again from its start for every pass, and a piped one is of kind unsupported. The Mux does not close it.
	Scratch fsys.Scratch
	// Mem holds the sources of mem:NAME. Closing what Open returns does not close them. A *mem.Repository can be written.
	Mem map[string]content.Source
}

// Mux opens references of every scheme. It is safe for concurrent use.
type Mux struct {
	o        Options
	registry *registry.Client // one for all references, so that tokens are shared; nil without a Fetcher
	foreign  *registry.Client // for registries other than the one that was named
}

// New makes a Mux. It does no I/O.
func New(o Options) *Mux {
	o.Files = fsys.YieldingHost(o.Files, o.Yield)
	o.Writable = fsys.YieldingWritableHost(o.Writable, o.Yield)
	o.Scratch = yielding(o.Scratch, o.Yield)
	m := &Mux{o: o}
	if o.Fetcher != nil {
		c := registry.Options{
			Fetcher: o.Fetcher, Keychain: o.Keychain, Clock: o.Clock, Event: o.Event, Yield: o.Yield,
			PlainHTTP: o.PlainHTTP, HidesHeaders: o.HidesHeaders, Inactivity: o.Inactivity, Create: o.CreateRepository, Ranges: o.Ranges,
		}
		m.registry = registry.New(c)
		m.foreign = m.registry
		if o.MirrorKeychain != nil {
			c.Keychain = o.MirrorKeychain
			m.foreign = registry.New(c)
		}
	}
	return m
}

func yielding(s fsys.Scratch, yield func()) fsys.Scratch {
	return func() fsys.WritableDir { return fsys.YieldingDir(s.Dir(), yield) }
}

const noRegistry = "copy the image to an OCI layout first (oci:path), or use the native binary or a program that embeds the reactor"

// Open opens the endpoint of r for reading; the caller closes it. ctx must stay alive as long as what is opened, since
// on some hosts files are read through it. Kinds: not_found and denied for paths, input for what is not of the format
// that the scheme says, unsupported for what this host cannot reach, and what the transport adds.
func (m *Mux) Open(ctx context.Context, r ref.Reference) (content.Source, error) {
	switch r.Scheme {
	case ref.Docker:
		return m.openRegistry(r)
	case ref.OCI, ref.Dir, ref.Static:
		return m.openDir(ctx, r)
	case ref.OCIArchive, ref.DockerArchive:
		return m.openArchive(ctx, r)
	case ref.Mem:
		s, ok := m.o.Mem[r.Path]
		if !ok {
			return nil, errs.New(errs.NotFound, r.Typed, "there is no image of that name in memory")
		}
		return borrowed{s}, nil
	}
	return nil, errs.New(errs.Input, r.Typed, "has the unknown transport %q", r.Scheme)
}

func (m *Mux) noNetwork(subject string) error {
	hint := m.o.NoRegistryHint
	if hint == "" {
		hint = noRegistry
	}
	return errs.New(errs.Unsupported, subject, "this host has no network").Hinted("%s", hint)
}

// borrowed is a source that somebody else closes.
type borrowed struct{ content.Source }

func (borrowed) Close() error { return nil }

// Unwrap lets content.As find what the source can do besides.
func (b borrowed) Unwrap() any { return b.Source }

// OpenFile opens a file named by the user for one pass from its start, "-" being standard input; the caller closes it.
// Kinds: not_found, denied, input (a directory or a device), unsupported (this host has no files, or no standard input).
func (m *Mux) OpenFile(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == stdin {
		r, err := m.openStdin(ctx, "standard input")
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{fsys.Pace(ctx, r, m.o.Yield), r}, nil
	}
	f, err := m.openFile(ctx, name, name)
	if err != nil {
		return nil, err
	}
	return fsys.NewReader(ctx, f, 0), nil
}

const stdin = "-"

func (m *Mux) openStdin(ctx context.Context, subject string) (io.ReadCloser, error) {
	if m.o.Stdin == nil {
		return nil, errs.New(errs.Unsupported, subject, "this host has no standard input")
	}
	r, err := m.o.Stdin(ctx)
	return r, errs.Wrap(subject, err)
}

var errNotRegular = errors.New("is not a regular file")

// openFile opens a regular file; subject is what errors name.
func (m *Mux) openFile(ctx context.Context, path, subject string) (fsys.File, error) {
	if m.o.Files == nil {
		return nil, errs.New(errs.Unsupported, subject, "this host has no files")
	}
	f, err := m.o.Files.OpenFile(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errs.New(errs.NotFound, subject, "there is no such file")
	case errors.Is(err, fs.ErrInvalid):
		return nil, errs.New(errs.Input, subject, "%w", errNotRegular)
	}
	return f, fsys.Kinded(subject, err)
}
