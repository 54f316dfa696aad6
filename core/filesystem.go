package core

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/layer"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// filesystem is an image opened for its layers.
type filesystem struct {
	env    *Env
	src    content.Source
	typed  string
	layers []v1.Descriptor
}

// filesystem opens the image that typed names. The caller closes its source.
func (e *Env) filesystem(ctx context.Context, typed, platform string) (*filesystem, error) {
	c, err := e.choice(platform)
	if err != nil {
		return nil, err
	}
	src, r, err := e.open(ctx, typed)
	if err != nil {
		return nil, err
	}
	layers, err := e.layers(ctx, src, r.Ident(), typed, c)
	if err != nil {
		_ = src.Close()
		return nil, err
	}
	return &filesystem{e, src, typed, layers}, nil
}

func (e *Env) layers(ctx context.Context, src content.Source, ident, typed string, c choice) ([]v1.Descriptor, error) {
	doc, err := src.Manifest(ctx, ident)
	if err != nil {
		return nil, subject(typed, err)
	}
	img, err := e.pick(ctx, src, doc, ident, typed, c)
	if err != nil {
		return nil, err
	}
	if !oci.IsImageConfig(img.manifest.Config.MediaType) {
		kind := img.manifest.ArtifactType
		if kind == "" {
			kind = img.manifest.Config.MediaType
		}
		return nil, errs.New(errs.Unsupported, typed, "is an artifact (%s), not an image with a file system", kind)
	}
	for i, l := range img.manifest.Layers {
		if !oci.IsLayer(l.MediaType) {
			return nil, errs.New(errs.Unsupported, typed, "layer %d has the media type %s, which is no file system layer", i, l.MediaType)
		}
	}
	return img.manifest.Layers, nil
}

// open starts reading layer i, with progress events.
func (f *filesystem) open(ctx context.Context, i int) (*layer.Reader, error) {
	if i < 0 || i >= len(f.layers) {
		return nil, errs.New(errs.NotFound, f.typed, "has no layer %d", i).Hinted("its %d layers are counted from 0", len(f.layers))
	}
	d := f.layers[i]
	name := d.Digest.String()
	f.env.emit(event.Event{Kind: event.Started, Subject: name, Total: d.Size})
	r, err := layer.Open(ctx, f.src.Blob(d), layer.Options{Yield: f.env.Yield, Progress: func(done int64) {
		f.env.emit(event.Event{Kind: event.Progress, Subject: name, Done: done, Total: d.Size})
	}})
	return r, f.fail(i, err)
}

// each calls add for every entry of layer i.
func (f *filesystem) each(ctx context.Context, i int, add func(layer.Entry) error) error {
	r, err := f.open(ctx, i)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		e, err := r.Next()
		if err == io.EOF {
			d := f.layers[i]
			f.env.emit(event.Event{Kind: event.Finished, Subject: d.Digest.String(), Done: d.Size, Total: d.Size})
			return nil
		}
		if err != nil {
			return f.fail(i, err)
		}
		if err := add(e); err != nil {
			return err
		}
	}
}

// view merges the layers.
func (f *filesystem) view(ctx context.Context) (*layer.View, error) {
	v := layer.NewView()
	for i := range f.layers {
		err := f.each(ctx, i, func(e layer.Entry) error { v.Add(e); return nil })
		if err != nil {
			return nil, err
		}
		for _, e := range v.EndLayer() {
			f.env.emit(event.Event{Kind: event.Warning, Subject: f.typed, Message: fmt.Sprintf("layer %d: %q is a hard link to %q, which does not exist", i, "/"+e.Path, "/"+e.Link)})
		}
	}
	return v, nil
}

// fail names the image, and for a foreign layer where it is said to be.
func (f *filesystem) fail(i int, err error) error {
	if err == nil {
		return nil
	}
	if d := f.layers[i]; errs.Of(err) == errs.NotFound && oci.IsForeign(d.MediaType) {
		return errs.New(errs.NotFound, f.typed, "layer %d is not distributed with the image (%s)", i, d.MediaType).
			Hinted("its manifest says it is at %v", d.URLs)
	}
	return subject(f.typed, err)
}

func (f *filesystem) Close() error { return f.src.Close() }
