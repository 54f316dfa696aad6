package core

import (
	"context"
	"fmt"
	"io"
	"iter"

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
// item, once, whether it is right or not; when one is not, the sequence ends with an error of kind verification.
func Validate(ctx context.Context, env *Env, in ValidateIn) iter.Seq2[ValidateItem, error] {
	return func(yield func(ValidateItem, error) bool) {
		src, r, err := env.open(ctx, in.Ref)
		if err != nil {
			yield(ValidateItem{}, err)
			return
		}
		defer src.Close()
		v := &validator{env: env, src: src, yield: yield, seen: map[digest.Digest]bool{}}
		doc, err := src.Manifest(ctx, r.Ident())
		if err != nil {
			yield(ValidateItem{}, subject(in.Ref, err))
			return
		}
		v.document(ctx, digestOf(doc, r.Ident()), doc, 0)
		switch {
		case v.stopped:
		case ctx.Err() != nil:
			yield(ValidateItem{}, subject(in.Ref, ctx.Err()))
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
	bad     int
	stopped bool
}

// tell yields an item and says whether to go on.
func (v *validator) tell(ctx context.Context, it ValidateItem, err error) bool {
	if ctx.Err() != nil || v.stopped {
		return false
	}
	if err != nil {
		v.bad++
		w := errs.WireOf(err)
		it.Error = &w
	}
	v.stopped = !v.yield(it, nil)
	return !v.stopped
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
	var cfg v1.Image
	if m.Config.Digest != "" && !v.seen[m.Config.Digest] {
		v.seen[m.Config.Digest] = true
		v.tell(ctx, ValidateItem{Digest: m.Config.Digest, Kind: "config", Size: m.Config.Size}, v.config(ctx, m.Config, &cfg))
	}
	image := oci.IsImageConfig(m.Config.MediaType) && !isAttestation(m)
	for i, l := range m.Layers {
		if v.stopped || v.seen[l.Digest] || oci.IsForeign(l.MediaType) {
			continue
		}
		v.seen[l.Digest] = true
		it := ValidateItem{Digest: l.Digest, Kind: "blob", Size: l.Size}
		if !image || !oci.IsLayer(l.MediaType) {
			v.tell(ctx, it, v.read(ctx, l, io.Discard, false))
			continue
		}
		it.Kind = "layer"
		h := digest.SHA256.Hash()
		err := v.read(ctx, l, h, true)
		it.DiffID = digest.NewDigest(digest.SHA256, h)
		switch {
		case err != nil:
			it.DiffID = ""
		case i >= len(cfg.RootFS.DiffIDs):
			err = errs.New(errs.Verification, l.Digest.String(), "is layer %d, but the config lists %d diff IDs", i, len(cfg.RootFS.DiffIDs))
		case cfg.RootFS.DiffIDs[i] != it.DiffID:
			err = errs.New(errs.Verification, l.Digest.String(), "has the diff ID %s, the config says %s", it.DiffID, cfg.RootFS.DiffIDs[i])
		}
		v.tell(ctx, it, err)
	}
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
