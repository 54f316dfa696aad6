package core

import (
	"context"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// CleanIn is the request of clean.
type CleanIn struct {
	Ref    string `json:"ref" arg:"REF" help:"layout, folder or archive that copies were written to"`
	DryRun bool   `json:"dryRun,omitempty" help:"say what is left and remove nothing"`
}

// CleanOut says what was removed.
type CleanOut struct {
	Leftovers []content.Leftover `json:"leftovers" help:"parts of blobs, and of an archive that was never finished all blobs"`
	Bytes     int64              `json:"bytes" help:"of all of them"`
	DryRun    bool               `json:"dryRun,omitempty" help:"nothing was removed"`
}

// Clean removes what copies left that broke off, and that the next copy would go on with. What another process is just writing
// stays, and so do whole blobs. Kinds: not_found, unsupported for an endpoint that keeps nothing.
func Clean(ctx context.Context, env *Env, in CleanIn) (CleanOut, error) {
	r, err := ref.Parse(in.Ref)
	if err != nil {
		return CleanOut{}, err
	}
	if env.Leftovers == nil {
		return CleanOut{}, errs.New(errs.Unsupported, in.Ref, "this host writes no files")
	}
	l, err := env.Leftovers(ctx, r)
	if err != nil {
		return CleanOut{}, errs.Wrap(in.Ref, err)
	}
	defer l.Close()
	do := l.Remove
	if in.DryRun {
		do = l.List
	}
	found, err := do(ctx)
	if err != nil {
		return CleanOut{}, errs.Wrap(in.Ref, err)
	}
	out := CleanOut{Leftovers: append([]content.Leftover{}, found...), DryRun: in.DryRun}
	for _, f := range found {
		out.Bytes += f.Size
	}
	return out, nil
}
