package core

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Bounds on nested indexes, which a hostile one would have read without end.
const (
	maxDepth  = 4 // levels
	maxNested = 8 // indexes of one index that are looked into
)

// image is one manifest that was chosen, and its config where it has one.
type image struct {
	doc      oci.Document
	manifest v1.Manifest
	digest   digest.Digest // as it is addressed; SHA-256 of the bytes where a tag named it
}

// choice says which child of an index is wanted.
type choice struct {
	platform v1.Platform
	asked    bool // the request names it: nothing else will do
}

func (e *Env) choice(platform string) (choice, error) {
	if platform != "" {
		p, err := oci.ParsePlatform(platform)
		return choice{p, true}, err
	}
	if e.Platform.OS == "" && e.Platform.Architecture == "" {
		return choice{platform: v1.Platform{OS: "linux", Architecture: "amd64"}}, nil
	}
	return choice{platform: oci.Normalize(e.Platform)}, nil
}

// pick follows indexes from doc to one manifest. Kinds: not_found (with the platforms there are), input, verification,
// and those of src.
func (e *Env) pick(ctx context.Context, src content.Source, doc oci.Document, ident, typed string, c choice) (image, error) {
	if doc.IsIndex() {
		return e.pickChild(ctx, src, doc, typed, c, 1)
	}
	return e.single(ctx, src, doc, digestOf(doc, ident), typed, c)
}

// pickChild picks from an index: the child whose platform serves best, else what a nested index has, else, when no
// platform was asked for and there is one real image only, that one.
func (e *Env) pickChild(ctx context.Context, src content.Source, doc oci.Document, typed string, c choice, depth int) (image, error) {
	if depth > maxDepth {
		return image{}, errs.New(errs.Input, typed, "has indexes nested deeper than %d", maxDepth)
	}
	x, err := doc.Index()
	if err != nil {
		return image{}, errs.Wrap(typed, err)
	}
	d, missing := oci.Select(x, c.platform, typed)
	if missing == nil {
		return e.follow(ctx, src, d, typed, c, depth)
	}
	var rest []v1.Descriptor
	for _, m := range x.Manifests {
		if m.Platform == nil || m.Platform.OS != "unknown" {
			rest = append(rest, m)
		}
	}
	if len(rest) == 1 && (!c.asked || rest[0].Platform == nil) {
		if p := oci.FormatPlatform(rest[0].Platform); p != "" {
			e.emit(event.Event{Kind: event.Warning, Subject: typed, Message: "has no image for " + oci.FormatPlatform(&c.platform) + "; showing its only one, " + p})
		}
		return e.follow(ctx, src, rest[0], typed, c, depth)
	}
	nested := slices.DeleteFunc(rest, func(m v1.Descriptor) bool { return m.Platform != nil || !isIndexType(m.MediaType) })
	for _, m := range nested[:min(len(nested), maxNested)] {
		if img, err := e.follow(ctx, src, m, typed, c, depth); errs.Of(err) != errs.NotFound {
			return img, err
		}
	}
	return image{}, missing
}

func isIndexType(mediaType string) bool { return oci.Document{MediaType: mediaType}.IsIndex() }

// follow goes from the entry of an index to the image it names.
func (e *Env) follow(ctx context.Context, src content.Source, d v1.Descriptor, typed string, c choice, depth int) (image, error) {
	doc, err := e.document(ctx, src, d)
	switch {
	case err != nil:
		return image{}, errs.Wrap(typed, err)
	case doc.IsIndex():
		return e.pickChild(ctx, src, doc, typed, c, depth+1)
	}
	c.asked = c.asked && d.Platform == nil // the index has answered for it
	return e.single(ctx, src, doc, d.Digest, typed, c)
}

// single takes a manifest, and where a platform was asked for checks that it is for that.
func (e *Env) single(ctx context.Context, src content.Source, doc oci.Document, dgst digest.Digest, typed string, c choice) (image, error) {
	m, err := doc.Manifest()
	if err != nil {
		return image{}, errs.Wrap(typed, err)
	}
	img := image{doc, m, dgst}
	if c.asked && oci.IsImageConfig(m.Config.MediaType) {
		return img, e.checkPlatform(ctx, src, img, typed, c)
	}
	return img, nil
}

// document reads a child of an index and checks it against its descriptor.
func (e *Env) document(ctx context.Context, src content.Source, d v1.Descriptor) (oci.Document, error) {
	doc, err := src.Manifest(ctx, d.Digest.String())
	if err != nil {
		return doc, err
	}
	if int64(len(doc.Raw)) != d.Size {
		return doc, errs.New(errs.Verification, d.Digest.String(), "has %d bytes, its descriptor says %d", len(doc.Raw), d.Size)
	}
	return doc, nil
}

// checkPlatform refuses an image that says it is for another platform than the one asked for.
func (e *Env) checkPlatform(ctx context.Context, src content.Source, img image, typed string, c choice) error {
	cfg, err := e.config(ctx, src, img)
	if err != nil {
		return errs.Wrap(typed, err)
	}
	var have v1.Platform
	if err := oci.Unmarshal(cfg, &have); err != nil {
		return errs.New(errs.Input, typed, "config %s: %v", img.manifest.Config.Digest, err)
	}
	if oci.Match(c.platform, have) == 0 {
		return errs.New(errs.NotFound, typed, "has no image for %s", oci.FormatPlatform(&c.platform)).
			Hinted("it is one image, for %s", oci.FormatPlatform(&have))
	}
	return nil
}

// config reads the config blob, which is verified.
func (e *Env) config(ctx context.Context, src content.Source, img image) ([]byte, error) {
	d := img.manifest.Config
	what := "config " + d.Digest.String()
	if d.Size > oci.MaxConfig {
		return nil, errs.New(errs.Input, what, "has %d bytes, more than the %d allowed here", d.Size, oci.MaxConfig)
	}
	r, err := src.Blob(d).Open(ctx)
	if err != nil {
		return nil, errs.Wrap(what, err)
	}
	raw, err := oci.ReadLimited(r, oci.MaxConfig, what)
	_ = r.Close()
	return raw, err
}
