package core

import (
	"context"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// writeRaw writes a manifest or index as it was received.
func (e *Env) writeRaw(ctx context.Context, in InspectIn, doc oci.Document, d digest.Digest) (InspectOut, error) {
	out := InspectOut{Reference: in.Ref, MediaType: doc.MediaType, Digest: d, Size: int64(len(doc.Raw)), Kind: "image"}
	if doc.IsIndex() {
		out.Kind = "index"
	} else if m, err := doc.Manifest(); err == nil && !oci.IsImageConfig(m.Config.MediaType) {
		out.Kind = "artifact"
	}
	return out, e.write(ctx, in.Ref, in.Output, doc.Raw)
}

// writeConfig writes a config blob as it was received.
func (e *Env) writeConfig(ctx context.Context, src content.Source, in InspectIn, img image) (InspectOut, error) {
	d := img.manifest.Config
	if d.Digest == "" {
		return InspectOut{}, errs.New(errs.NotFound, in.Ref, "has no config")
	}
	raw, err := e.config(ctx, src, img)
	if err != nil {
		return InspectOut{}, errs.Wrap(in.Ref, err)
	}
	out := InspectOut{Reference: in.Ref, MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Kind: "config"}
	return out, e.write(ctx, in.Ref, in.Output, raw)
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func keys(m map[string]struct{}) []string {
	return list(slices.Sorted(maps.Keys(m)))
}
