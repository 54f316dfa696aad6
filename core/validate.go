package core

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// ValidateIn is the request of validate.
type ValidateIn struct {
	Ref string `json:"ref" arg:"REF" help:"image, index or artifact, all of whose content is read"`
}

// ValidateItem is one manifest or blob that was checked.
type ValidateItem struct {
	Digest digest.Digest `json:"digest"`
	Kind   string        `json:"kind" enum:"index,manifest,config,layer,blob"`
	Size   int64         `json:"size" help:"bytes, by its descriptor"`
	DiffID digest.Digest `json:"diffId,omitempty" help:"of a layer: the digest of its content without compression"`
	Error  *errs.Wire    `json:"error,omitempty" help:"what is wrong with it"`
}

// Validate reads everything that a reference leads to and checks each digest, size and diff ID. Every manifest and blob is an
// item, once, whether it is right or not; when one is not, the sequence ends with an error of kind verification. A layer that
// images share is one again for a config that is wrong about its diff ID. An endpoint that fails (network, rate_limited,
// unauthorized, denied) says nothing of the content: that error ends the sequence.
func Validate(ctx context.Context, env *Env, in ValidateIn) iter.Seq2[ValidateItem, error] {
	return func(yield func(ValidateItem, error) bool) {
		src, r, err := env.open(ctx, in.Ref)
		if err != nil {
			yield(ValidateItem{}, err)
			return
		}
		defer src.Close()
		v := &validator{env: env, src: src, yield: yield, seen: map[digest.Digest]bool{}, diffs: map[digest.Digest]digest.Digest{}}
		doc, err := src.Manifest(ctx, r.Ident())
		if err != nil {
			yield(ValidateItem{}, errs.Wrap(in.Ref, err))
			return
		}
		v.document(ctx, digestOf(doc, r.Ident()), doc, 0)
		switch {
		case v.stopped && v.failed == nil:
		case ctx.Err() != nil:
			yield(ValidateItem{}, errs.Wrap(in.Ref, ctx.Err()))
		case v.failed != nil:
			yield(ValidateItem{}, errs.Wrap(in.Ref, v.failed))
		case v.bad > 0:
			yield(ValidateItem{}, errs.New(errs.Verification, in.Ref, "%d of %d manifests and blobs are wrong", v.bad, len(v.seen)))
		}
	}
}

type validator struct {
	env     *Env
	src     content.Source
	yield   func(ValidateItem, error) bool
	seen    map[digest.Digest]bool
	diffs   map[digest.Digest]digest.Digest // of layers that were read
	bad     int
	failed  error // of the endpoint
	stopped bool
}

// tell yields an item and says whether to go on.
func (v *validator) tell(ctx context.Context, it ValidateItem, err error) bool {
	if ctx.Err() != nil || v.stopped {
		return false
	}
	switch {
	case unreached(err):
		v.failed, v.stopped = err, true
		return false
	case err != nil:
		v.bad++
		w := errs.WireOf(err)
		it.Error = &w
	}
	v.stopped = !v.yield(it, nil)
	return !v.stopped
}

// unreached says whether an error is the endpoint's, and says nothing of what is there.
func unreached(err error) bool {
	return slices.Contains([]errs.Kind{errs.Network, errs.RateLimited, errs.Unauthorized, errs.Denied}, errs.Of(err))
}

// document checks a manifest that was read, and what it lists.
func (v *validator) document(ctx context.Context, d digest.Digest, doc oci.Document, depth int) {
	v.seen[d] = true
	it := ValidateItem{Digest: d, Kind: "manifest", Size: int64(len(doc.Raw))}
	if doc.IsIndex() {
		it.Kind = "index"
		x, err := doc.Index()
		if err == nil && depth > maxDepth {
			err = errs.New(errs.Input, d.String(), "is nested deeper than %d", maxDepth)
		}
		if !v.tell(ctx, it, err) || err != nil {
			return
		}
		for _, c := range x.Manifests {
			v.child(ctx, c, depth+1)
		}
		return
	}
	m, err := doc.Manifest()
	if v.tell(ctx, it, err) && err == nil {
		v.manifest(ctx, m)
	}
}

func (v *validator) child(ctx context.Context, d v1.Descriptor, depth int) {
	if v.stopped || v.seen[d.Digest] {
		return
	}
	doc, err := v.env.document(ctx, v.src, d)
	if err != nil {
		v.seen[d.Digest] = true
		v.tell(ctx, ValidateItem{Digest: d.Digest, Kind: "manifest", Size: d.Size}, err)
		return
	}
	v.document(ctx, d.Digest, doc, depth)
}

func (v *validator) manifest(ctx context.Context, m v1.Manifest) {
	cfg := v.configOf(ctx, m)
	for i, l := range m.Layers {
		if v.stopped || oci.IsForeign(l.MediaType) {
			continue
		}
		layer := oci.IsLayer(l.MediaType) && oci.IsImageConfig(m.Config.MediaType) && !isAttestation(m)
		if v.seen[l.Digest] {
			if err := v.diffID(cfg, i, l.Digest); layer && err != nil {
				v.tell(ctx, ValidateItem{Digest: l.Digest, Kind: "layer", Size: l.Size, DiffID: v.diffs[l.Digest]}, err)
			}
			continue
		}
		v.seen[l.Digest] = true
		if !layer {
			v.tell(ctx, ValidateItem{Digest: l.Digest, Kind: "blob", Size: l.Size}, v.read(ctx, l, io.Discard, false))
			continue
		}
		algorithm := digest.SHA256
		if cfg != nil && i < len(cfg.RootFS.DiffIDs) && oci.CheckDigest(cfg.RootFS.DiffIDs[i].String()) == nil {
			algorithm = cfg.RootFS.DiffIDs[i].Algorithm()
		}
		h := algorithm.Hash()
		err := v.read(ctx, l, h, true)
		if err == nil {
			v.diffs[l.Digest] = digest.NewDigest(algorithm, h)
			err = v.diffID(cfg, i, l.Digest)
		}
		v.tell(ctx, ValidateItem{Digest: l.Digest, Kind: "layer", Size: l.Size, DiffID: v.diffs[l.Digest]}, err)
	}
}

// configOf checks the config of a manifest, and returns that of an image; nil is for one that cannot be read. One that several
// manifests have, as an image in two compressions has, is told of once.
func (v *validator) configOf(ctx context.Context, m v1.Manifest) *v1.Image {
	d, image := m.Config, oci.IsImageConfig(m.Config.MediaType) && !isAttestation(m)
	known := v.seen[d.Digest]
	if d.Digest == "" || known && !image {
		return nil
	}
	v.seen[d.Digest] = true
	cfg := &v1.Image{}
	err := v.config(ctx, d, cfg)
	if err != nil {
		cfg = nil
	} else if n := len(cfg.RootFS.DiffIDs); image && n > len(m.Layers) {
		err = errs.New(errs.Verification, d.Digest.String(), "lists %d diff IDs, the manifest has %d layers", n, len(m.Layers))
	}
	if !known || unreached(err) {
		v.tell(ctx, ValidateItem{Digest: d.Digest, Kind: "config", Size: d.Size}, err)
	}
	return cfg
}

// diffID compares what a config says of layer i with what it was found to be; nil where one of the two is not known.
func (v *validator) diffID(cfg *v1.Image, i int, layer digest.Digest) error {
	found := v.diffs[layer]
	switch {
	case cfg == nil || found == "":
		return nil
	case i >= len(cfg.RootFS.DiffIDs):
		return errs.New(errs.Verification, layer.String(), "is layer %d, but the config lists %d diff IDs", i, len(cfg.RootFS.DiffIDs))
	}
	want := cfg.RootFS.DiffIDs[i]
	if oci.CheckDigest(want.String()) == nil && want.Algorithm() != found.Algorithm() { // which another manifest had it hashed with
		return nil
	}
	if want != found {
		return errs.New(errs.Verification, layer.String(), "has the diff ID %s, the config says %s", found, want)
	}
	return nil
}

// config reads a config, and where it is an image's decodes it.
func (v *validator) config(ctx context.Context, d v1.Descriptor, cfg *v1.Image) error {
	if !oci.IsImageConfig(d.MediaType) {
		return v.read(ctx, d, io.Discard, false)
	}
	raw, err := v.env.config(ctx, v.src, image{manifest: v1.Manifest{Config: d}})
	if err != nil {
		return err
	}
	if err := oci.Unmarshal(raw, cfg); err != nil {
		return errs.New(errs.Input, "config "+d.Digest.String(), "%v", err)
	}
	return nil
}

// read reads a blob to its end, which checks size and digest, and writes it to w, decompressed where that is asked for. All of
// the blob is read, also what follows a compressed stream.
func (v *validator) read(ctx context.Context, d v1.Descriptor, w io.Writer, decompress bool) error {
	raw, err := v.src.Blob(d).Open(ctx)
	if err != nil {
		return err
	}
	r := raw
	if decompress {
		if r, _, err = compress.Auto(raw); err != nil {
			return fmt.Errorf("%s: %w", d.Digest, err)
		}
	}
	defer r.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, paced{ctx, v.env, r}, make([]byte, 64<<10)); err != nil {
		return errs.Wrap(d.Digest.String(), err)
	}
	_, err = io.Copy(io.Discard, raw)
	return err
}
