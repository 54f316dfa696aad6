package core

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// TagIn is the request of tag.
type TagIn struct {
	Ref  string   `json:"ref" arg:"REF" help:"manifest or index that is there"`
	Tags []string `json:"tags" arg:"TAG..." help:"names to give it in the same place"`
}

// TagOut says what the tags name now.
type TagOut struct {
	Digest digest.Digest `json:"digest"`
	Tags   []string      `json:"tags"`
}

// Tag gives a manifest more names where it is. Nothing but the manifest is read or written. Kinds: input, not_found,
// unsupported (an archive), and those of the endpoint.
func Tag(ctx context.Context, env *Env, in TagIn) (TagOut, error) {
	if len(in.Tags) == 0 {
		return TagOut{}, errs.New(errs.Input, in.Ref, "names no tag to give").Hinted("for example stevedore tag registry.example/app:1.2 1 latest")
	}
	if i := slices.IndexFunc(in.Tags, func(t string) bool { return !ref.ValidTag(t) }); i >= 0 {
		return TagOut{}, errs.New(errs.Input, in.Tags[i], "is not a tag")
	}
	if err := addable(in.Ref); err != nil {
		return TagOut{}, err
	}
	src, r, err := env.written().open(ctx, in.Ref)
	if err != nil {
		return TagOut{}, err
	}
	defer src.Close()
	doc, err := src.Manifest(ctx, r.Ident())
	if err != nil {
		return TagOut{}, errs.Wrap(in.Ref, err)
	}
	sink, err := env.sink(ctx, r)
	if err != nil {
		return TagOut{}, err
	}
	defer sink.Close()
	for _, t := range in.Tags {
		if err := sink.PutManifest(ctx, t, doc); err != nil {
			return TagOut{}, errs.Wrap(in.Ref, err)
		}
	}
	return TagOut{digestOf(doc, r.Ident()), in.Tags}, errs.Wrap(in.Ref, sink.Commit(ctx))
}
