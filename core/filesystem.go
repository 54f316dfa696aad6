package core

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

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
	img    image
	layers []v1.Descriptor // of img
	steps  int             // since the last yield
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
	img, err := e.layered(ctx, src, r.Ident(), typed, c)
	if err != nil {
		_ = src.Close()
		return nil, err
	}
	return &filesystem{env: e, src: src, typed: typed, img: img, layers: img.manifest.Layers}, nil
}

func (e *Env) layered(ctx context.Context, src content.Source, ident, typed string, c choice) (image, error) {
	doc, err := src.Manifest(ctx, ident)
	if err != nil {
		return image{}, errs.Wrap(typed, err)
	}
	img, err := e.pick(ctx, src, doc, ident, typed, c)
	if err != nil {
		return img, err
	}
	return img, checkLayers(img.manifest, typed)
}

// maxLayers is how many layers are read for a file system: a manifest has room for twenty thousand of one that expands a
// thousandfold. Docker makes 127 at most.
const maxLayers = 1024

// checkLayers refuses what has no file system. The layers decide: an old registry may call a config anything, and an
// artifact may hold a file system.
func checkLayers(m v1.Manifest, typed string) error {
	bad := slices.IndexFunc(m.Layers, func(l v1.Descriptor) bool { return !oci.IsLayer(l.MediaType) })
	switch {
	case len(m.Layers) > maxLayers:
		return errs.New(errs.Input, typed, "has %d layers, more than %d", len(m.Layers), maxLayers)
	case bad < 0 && (len(m.Layers) > 0 || oci.IsImageConfig(m.Config.MediaType)):
		return nil
	case !oci.IsImageConfig(m.Config.MediaType):
		kind := cmp.Or(m.ArtifactType, m.Config.MediaType, "of no type")
		return errs.New(errs.Unsupported, typed, "is an artifact (%s), not an image with a file system", kind)
	}
	return errs.New(errs.Unsupported, typed, "layer %d has the media type %s, which is no file system layer", bad, m.Layers[bad].MediaType)
}

// pace looks for cancellation, and yields now and then; it is called for steps of a microsecond or so.
func (f *filesystem) pace(ctx context.Context) error {
	if f.steps++; f.steps%128 != 0 {
		return nil
	}
	if f.env.Yield != nil {
		f.env.Yield()
	}
	return errs.Wrap(f.typed, ctx.Err())
}

// open starts reading layer i, with progress events.
func (f *filesystem) open(ctx context.Context, i int) (*layer.Reader, error) {
	if i < 0 || i >= len(f.layers) {
		return nil, errs.New(errs.NotFound, f.typed, "has no layer %d", i).Hinted("its %d layers are counted from 0", len(f.layers))
	}
	d := f.layers[i]
	name := d.Digest.String()
	f.env.emit(event.Event{Kind: event.Started, Subject: name, Total: d.Size})
	r, err := layer.Open(ctx, f.src.Blob(d), layer.Options{Yield: f.env.Yield, Gunzip: f.env.Gunzip, Progress: func(done int64) {
		f.env.emit(event.Event{Kind: event.Progress, Subject: name, Done: done, Total: d.Size})
	}})
	return r, f.fail(i, err)
}

// each calls add for every entry of layer i, until add returns io.EOF for enough.
func (f *filesystem) each(ctx context.Context, i int, add func(layer.Entry) error) error {
	r, err := f.open(ctx, i)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		e, err := r.Next()
		if err == io.EOF {
			f.finished(i)
			return nil
		}
		if err != nil {
			return f.fail(i, err)
		}
		if err := add(e); err == io.EOF {
			return nil
		} else if err != nil {
			return f.fail(i, errs.Wrap("layer "+f.layers[i].Digest.String(), err))
		}
	}
}

func (f *filesystem) finished(i int) {
	d := f.layers[i]
	f.env.emit(event.Event{Kind: event.Finished, Subject: d.Digest.String(), Done: d.Size, Total: d.Size})
}

// maxBroken is how many broken hard links of one layer are named.
const maxBroken = 10

// view merges the layers from the bottom up.
func (f *filesystem) view(ctx context.Context) (*layer.View, error) {
	v := layer.NewView()
	for i := range f.layers {
		if err := f.apply(ctx, v, i, v.Add); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// apply reads layer i into v by way of add, and warns of hard links that lead nowhere.
func (f *filesystem) apply(ctx context.Context, v *layer.View, i int, add func(layer.Entry) error) error {
	broken, err := f.applyQuietly(ctx, v, i, add)
	for _, b := range broken[:min(len(broken), maxBroken)] {
		f.warn("layer %d: /%s is a hard link to /%s, which does not exist", i, b.Path, b.Target)
	}
	if n := len(broken) - maxBroken; n > 0 {
		f.warn("layer %d: %d more hard links lead nowhere", i, n)
	}
	return err
}

func (f *filesystem) applyQuietly(ctx context.Context, v *layer.View, i int, add func(layer.Entry) error) ([]layer.Broken, error) {
	if err := f.each(ctx, i, add); err != nil {
		return nil, err
	}
	broken, err := v.EndLayer(func() error { return f.pace(ctx) })
	return broken, f.fail(i, errs.Wrap("layer "+f.layers[i].Digest.String(), err))
}

func (f *filesystem) warn(format string, args ...any) {
	f.env.emit(event.Event{Kind: event.Warning, Subject: f.typed, Message: fmt.Sprintf(format, args...)})
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
	return errs.Wrap(f.typed, err)
}

func (f *filesystem) Close() error { return f.src.Close() }
