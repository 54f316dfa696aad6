package core

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// DeleteIn is the request of delete.
type DeleteIn struct {
	Ref       string `json:"ref" arg:"REF" help:"a tag, which is taken away from its manifest, or a digest, which is deleted with all its tags"`
	Manifest  bool   `json:"manifest,omitempty" help:"delete the manifest that the tag names, and so every other tag of it"`
	Referrers bool   `json:"referrers,omitempty" help:"delete what refers to the manifest first: signatures, attestations, SBOMs"`
	DryRun    bool   `json:"dryRun,omitempty" help:"say what would be deleted and delete nothing"`
}

// DeleteOut says what was deleted.
type DeleteOut struct {
	Tag       string          `json:"tag,omitempty"`
	Digest    digest.Digest   `json:"digest" help:"what the reference named"`
	Manifest  bool            `json:"manifest" help:"the manifest itself was deleted, not only a tag"`
	Referrers []digest.Digest `json:"referrers"`
	DryRun    bool            `json:"dryRun,omitempty" help:"nothing was deleted"`
}

// Delete takes a tag away, or deletes a manifest. Blobs are the registry's to collect. Kinds: not_found, unsupported (an
// endpoint that deletes nothing), denied, input (a reference without tag and digest).
func Delete(ctx context.Context, env *Env, in DeleteIn) (DeleteOut, error) {
	src, r, err := env.written().open(ctx, in.Ref)
	if err != nil {
		return DeleteOut{}, err
	}
	defer src.Close()
	if !named(r) {
		return DeleteOut{}, errs.New(errs.Input, in.Ref, "names neither a tag nor a digest; nothing is deleted by default")
	}
	del, ok := content.As[content.Deleter](src)
	if !ok {
		return DeleteOut{}, errs.New(errs.Unsupported, in.Ref, "nothing is deleted from a %s endpoint", r.Scheme)
	}
	doc, err := src.Manifest(ctx, r.Ident())
	if err != nil {
		return DeleteOut{}, errs.Wrap(in.Ref, err)
	}
	out := DeleteOut{Tag: r.Tag, Digest: digestOf(doc, r.Ident()), Referrers: []digest.Digest{}, DryRun: in.DryRun}
	out.Manifest = r.Digest != "" || in.Manifest
	if in.Referrers {
		if !out.Manifest {
			return DeleteOut{}, errs.New(errs.Input, in.Ref, "is a tag; what refers to its manifest stays while that does").
				Hinted("--manifest deletes the manifest as well")
		}
		if out.Referrers, err = referrersBelow(ctx, src, out.Digest); err != nil {
			return DeleteOut{}, errs.Wrap(in.Ref, err)
		}
	}
	if in.DryRun {
		return out, nil
	}
	return out, errs.Wrap(in.Ref, remove(ctx, del, r, out))
}

func remove(ctx context.Context, del content.Deleter, r ref.Reference, out DeleteOut) error {
	for _, d := range out.Referrers {
		if err := del.DeleteManifest(ctx, d); err != nil && errs.Of(err) != errs.NotFound {
			return err
		}
	}
	if out.Manifest {
		return del.DeleteManifest(ctx, out.Digest)
	}
	return del.DeleteTag(ctx, r.Tag)
}

// maxReferrers bounds what one delete may take along.
const maxReferrers = 10_000

// referrersBelow lists what refers to a manifest, what refers to that and so on, the farthest first.
func referrersBelow(ctx context.Context, src content.Source, d digest.Digest) ([]digest.Digest, error) {
	seen := map[digest.Digest]bool{d: true}
	out := []digest.Digest{}
	for todo := []digest.Digest{d}; len(todo) > 0; todo = todo[1:] {
		for r, err := range content.Referrers(ctx, src, todo[0]) {
			if err != nil {
				return nil, errs.Wrap("referrers of "+todo[0].String(), err)
			}
			if seen[r.Digest] {
				continue
			}
			if seen[r.Digest] = true; len(seen) > maxReferrers {
				return nil, errs.New(errs.Input, d.String(), "has more than %d referrers", maxReferrers)
			}
			todo = append(todo, r.Digest)
			out = append([]digest.Digest{r.Digest}, out...)
		}
	}
	return out, nil
}
