package transport

import (
	"context"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/mirror"
)

// Mirrors is what a [mirror.Reader] does. It is an interface so that hosts without mirrors carry none of it.
type Mirrors interface {
	// Places says where an image is.
	Places(r ref.Reference) (mirror.Places, error)
	// Source reads from several ends as from one; closing it closes them.
	Source(ends []mirror.End) content.Source
}

func (m *Mux) places(r ref.Reference) (mirror.Places, error) {
	switch {
	case m.registry == nil:
		return mirror.Places{}, m.noNetwork(r.Typed)
	case m.o.Mirrors == nil:
		return mirror.Places{Read: []mirror.Place{{Ref: r}}, Write: []ref.Reference{r}}, nil
	}
	return m.o.Mirrors.Places(r)
}

// openRegistry opens r where it is, in one place or in several.
func (m *Mux) openRegistry(r ref.Reference) (content.Source, error) {
	p, err := m.places(r)
	if err != nil {
		return nil, err
	}
	if len(p.Read) == 1 && p.Read[0].Ref.SameEndpoint(r) {
		return m.registry.Repository(p.Read[0].Ref), nil
	}
	var ends []mirror.End
	for _, at := range p.Read {
		client := m.registry
		if at.Foreign {
			client = m.foreign
		}
		ends = append(ends, mirror.End{Place: at, Source: client.Repository(at.Ref)})
	}
	return m.o.Mirrors.Source(ends), nil
}

// Origin opens for reading what Create writes to: no mirror of it, and where the transport deletes it is a [content.Deleter]. The
// caller closes it. Kinds: those of Open, and input for a short name that may be in several registries.
func (m *Mux) Origin(ctx context.Context, r ref.Reference) (content.Source, error) {
	if r.Scheme != ref.Docker {
		s, err := m.Open(ctx, r)
		if l, ok := s.(*layout.Source); ok && r.Scheme == ref.OCI && m.o.Writable != nil {
			return layout.NewEditable(l, func(ctx context.Context) (fsys.WritableDir, error) { return m.createDir(ctx, r) }, m.clock()), err
		}
		return s, err
	}
	at, err := m.written(r)
	if err != nil {
		return nil, err
	}
	return m.registry.Repository(at), nil
}

// written is where r is written.
func (m *Mux) written(r ref.Reference) (ref.Reference, error) {
	p, err := m.places(r)
	if err != nil {
		return r, err
	}
	if len(p.Write) > 1 {
		var hosts []string
		for _, w := range p.Write {
			hosts = append(hosts, w.Host)
		}
		return r, errs.New(errs.Input, r.Typed, "is a short name that may be in any of %s", strings.Join(hosts, ", ")).Hinted("name the registry")
	}
	return p.Write[0], nil
}

// Registry is the registry that r is in, as a whole. Kinds: unsupported where this host has no network, denied for one that
// is blocked.
func (m *Mux) Registry(_ context.Context, r ref.Reference) (content.Cataloger, error) {
	at, err := m.written(r)
	if err != nil {
		return nil, err
	}
	return m.registry.Registry(at.Host), nil
}
