// Package transport opens what a reference names: a registry, a layout, an archive, a folder. A [Mux] is the one place
// that knows every scheme; what it may reach (files, network, credentials) is what its maker gave it.
package transport

import (
	"context"
	"io"
	"sync"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// Options is what a host gives to a Mux. The zero value opens nothing: a nil field is a thing this host cannot do.
type Options struct {
	// Files opens paths. Nil: the transports on files are of kind unsupported.
	Files fsys.Host
	// Fetcher reaches registries. Nil: docker:// is of kind unsupported, and NoRegistryHint, where set, says what to do.
	Fetcher        fetchshim.Fetcher
	NoRegistryHint string
	// Keychain finds credentials. Nil: anonymous.
	Keychain auth.Keychain
	// PlainHTTP says which registries (host[:port]) are spoken to without TLS. Nil: those on the loopback only.
	PlainHTTP func(host string) bool
	// HidesHeaders is true where the host does not show every response header (CORS in a browser).
	HidesHeaders bool
	// Clock is how the registry client waits. Nil: clock.System.
	Clock clock.Clock
	// Event is told about retries and warnings. Nil: nobody listens.
	Event func(event.Event)
	// Yield is called at least once per 64 KiB that is read or written. Nil natively.
	Yield func()
	// Stdin opens standard input, for "-" where an archive or a file is taken. Nil: there is none.
	Stdin func(ctx context.Context) (io.ReadCloser, error)
	// Scratch is temporary space for decompressed archives and piped input. Nil: a compressed archive is read again from
	// its start for every pass, and a piped one is of kind unsupported. The Mux does not close it.
	Scratch fsys.WritableDir
	// Mem holds the sources of mem:NAME. Closing what Open returns does not close them.
	Mem map[string]content.Source
}

// Mux opens references of every scheme. It is safe for concurrent use.
type Mux struct {
	o      Options
	client func() registryClient // one for all references, so that tokens are shared
}

// registryClient is the part of a registry client that the Mux needs.
type registryClient interface {
	Repository(r ref.Reference) content.Source
}

// New makes a Mux. It does no I/O.
func New(o Options) *Mux {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	m := &Mux{o: o}
	m.client = sync.OnceValue(m.newClient)
	return m
}

func (m *Mux) newClient() registryClient { return nil }

// Open opens the endpoint of r for reading; the caller closes it. ctx must stay alive as long as what is opened, since
// on some hosts files are read through it. Kinds: not_found and denied for paths, input for what is not of the format
// that the scheme says, unsupported for what this host cannot reach, and what the transport adds.
func (m *Mux) Open(ctx context.Context, r ref.Reference) (content.Source, error) {
	return nil, errs.New(errs.Unsupported, r.Typed, "the transport %s: is not there yet", r.Scheme)
}

// OpenFile opens a file named by the user for one pass from its start, "-" being standard input; the caller closes it.
// Kinds: not_found, denied, input (a directory or a device), unsupported (this host has no files).
func (m *Mux) OpenFile(ctx context.Context, name string) (io.ReadCloser, error) {
	return nil, errs.New(errs.Unsupported, name, "files are not there yet")
}
