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
	Ref       string `json:"ref" arg:"REF" help:"a tag, which is taken away from its manifest, or a digest, which is deleted with all its tags; in a layout the last tag takes its manifest and blobs along"`
	Manifest  bool   `json:"manifest,omitempty" help:"delete the manifest that the tag names, and so every other tag of it"`
	Referrers bool   `json:"referrers,omitempty" help:"delete what refers to the manifest first, where that is deleted: signatures, attestations, SBOMs"`
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

// Delete takes a tag away, or deletes a manifest. Blobs are the registry's to collect; in a layout a manifest goes with its last
// tag, and the blobs that only it had go with it. Kinds: not_found, unsupported (an endpoint that deletes nothing), denied, input (a
// reference without tag and digest).
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
		return DeleteOut{}, undeletable(r)
	}
	doc, err := src.Manifest(ctx, r.Ident())
	if err != nil {
		return DeleteOut{}, errs.Wrap(in.Ref, err)
	}
	out := DeleteOut{Tag: r.Tag, Digest: digestOf(doc, r.Ident()), Referrers: []digest.Digest{}, DryRun: in.DryRun}
	whole := r.Digest != "" || in.Manifest
	out.Manifest = whole
	if holder, ok := content.As[content.TagHolder](src); ok && !whole {
		if out.Manifest, err = holder.LastTag(ctx, r.Tag); err != nil {
			return DeleteOut{}, errs.Wrap(in.Ref, err)
		}
	}
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
	tag := r.Tag
	if whole {
		tag = ""
	}
	return out, errs.Wrap(in.Ref, remove(ctx, del, tag, out))
}

// undeletable says why nothing is deleted from an endpoint.
func undeletable(r ref.Reference) error {
	why := errs.New(errs.Unsupported, r.Typed, "this host changes no files")
	switch r.Scheme {
	case ref.OCIArchive, ref.DockerArchive:
		why = errs.New(errs.Unsupported, r.Typed, "an archive is written whole, and nothing is taken out of it").
			Hinted("copy the images that are to stay into a new archive, or remove the file")
	case ref.Dir:
		why = errs.New(errs.Unsupported, r.Typed, "a dir: folder holds this one image and nothing else").Hinted("remove the folder")
	case ref.Static:
		why = errs.New(errs.Unsupported, r.Typed, "a static: folder is only added to, since its files may be cached and its repositories share blobs").
			Hinted("copy what is to stay into a new folder (stevedore sync) and serve that")
	}
	return why
}

// remove deletes the referrers, and then the tag or where that is "" the manifest.
func remove(ctx context.Context, del content.Deleter, tag string, out DeleteOut) error {
	for _, d := range out.Referrers {
		if err := del.DeleteManifest(ctx, d); err != nil && errs.Of(err) != errs.NotFound {
			return err
		}
	}
	if tag == "" {
		return del.DeleteManifest(ctx, out.Digest)
	}
	return del.DeleteTag(ctx, tag)
}

// maxReferrers bounds what one delete may take along, and what is listed of one manifest.
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
