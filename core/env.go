// Package core holds the verbs: what Stevedore does, one file each, the same on every front end. A verb takes a request
// struct and an [Env], which is everything a shell supplies; it opens no file, no socket and no clock of its own.
package core

import (
	"context"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// Env is what a shell supplies to a verb: as a rule the methods of a Mux of package transport (Open as Source, Create as Sink, Origin).
// The zero Env can open nothing; a field that is nil is a thing this host cannot do, and the verb says so with kind
// unsupported. Errors of verbs have a kind, which package errs tells.
type Env struct {
	// Source opens the endpoint of a reference for reading; the caller closes it.
	Source func(ctx context.Context, r ref.Reference) (content.Source, error)
	// Origin opens for reading and deleting what Sink writes to, where Source may read a mirror instead; the caller closes it. Nil:
	// Source does, and layouts are not deleted from.
	Origin func(ctx context.Context, r ref.Reference) (content.Source, error)
	// Registry is a registry as a whole, which lists its repositories. Nil: this host reaches no registries.
	Registry func(ctx context.Context, r ref.Reference) (content.Cataloger, error)
	// Sink opens the endpoint of a reference for writing; the caller closes it. Nil: this host writes no images.
	Sink func(ctx context.Context, r ref.Reference) (content.Sink, error)
	// Leftovers opens what broken copies left at a reference; the caller closes it. Nil: this host writes no images.
	Leftovers func(ctx context.Context, r ref.Reference) (content.Leftovers, error)
	// File opens a file named by the user; "-" is standard input. The caller closes it.
	File func(ctx context.Context, name string) (io.ReadCloser, error)
	// Output opens where bytes go. The name is a suggestion for a file ("" for the main output). The verb closes it.
	Output func(ctx context.Context, name string) (io.WriteCloser, error)
	// Event is told what happens; it must be safe for concurrent use and must not block for long.
	Event func(event.Event)
	// Clock is the only way to wait or to ask for the time. Nil: the system's.
	Clock clock.Clock
	// Yield is called at least once per 64 KiB of content read, for hosts that never preempt. Nil natively.
	Yield func()
	// Gunzip undoes gzip by means of the host; see [layer.Options]. Nil where the host has none that are faster than ours.
	Gunzip func(ctx context.Context, r io.Reader) (io.ReadCloser, error)
	// Jobs is how many blobs of an image are read at once, and how many images sync works on; 0 means 4.
	Jobs int
	// Platform is chosen from an index when the request names none; the zero value means linux/amd64.
	Platform v1.Platform
}

func (e *Env) open(ctx context.Context, typed string) (content.Source, ref.Reference, error) {
	r, err := ref.Parse(typed)
	if err != nil {
		return nil, r, err
	}
	if e.Source == nil {
		return nil, r, errs.New(errs.Unsupported, typed, "this host opens no images")
	}
	src, err := e.Source(ctx, r)
	if err != nil {
		return nil, r, errs.Wrap(typed, err)
	}
	return src, r, nil
}

// written is the environment whose references are read where they are written: what a destination has is not what a mirror of
// it has.
func (e *Env) written() *Env {
	if e.Origin == nil {
		return e
	}
	c := *e
	c.Source = e.Origin
	return &c
}

// create parses a reference and opens its endpoint for writing.
func (e *Env) create(ctx context.Context, typed string) (ref.Reference, content.Sink, error) {
	r, err := ref.Parse(typed)
	if err != nil {
		return r, nil, err
	}
	s, err := e.sink(ctx, r)
	return r, s, err
}

// adds is create for a verb that adds to what is there.
func (e *Env) adds(ctx context.Context, typed string) (ref.Reference, content.Sink, error) {
	if err := addable(typed); err != nil {
		return ref.Reference{}, nil, err
	}
	return e.create(ctx, typed)
}

// addable refuses archives: one is written anew as a whole, and all else in it would be gone. Kind unsupported.
func addable(typed string) error {
	r, err := ref.Parse(typed)
	if err == nil && (r.Scheme == ref.OCIArchive || r.Scheme == ref.DockerArchive) {
		err = errs.New(errs.Unsupported, typed, "an archive is only written as a whole, and nothing is added to one that is there").
			Hinted("copy it to a folder (oci:), add to that, and copy it back")
	}
	return err
}

func (e *Env) sink(ctx context.Context, r ref.Reference) (content.Sink, error) {
	if e.Sink == nil {
		return nil, errs.New(errs.Unsupported, r.Typed, "this host writes no images")
	}
	s, err := e.Sink(ctx, r)
	return s, errs.Wrap(r.Typed, err)
}

func (e *Env) emit(ev event.Event) {
	if e.Event != nil {
		e.Event(ev)
	}
}
