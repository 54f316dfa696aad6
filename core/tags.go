package core

import (
	"context"
	"iter"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// TagsIn is the request of tags.
type TagsIn struct {
	Ref   string `json:"ref" arg:"REPOSITORY" help:"repository, layout or archive, without a tag"`
	Limit int    `json:"limit,omitempty" help:"stop after so many"`
	After string `json:"after,omitempty" help:"start after this tag"`
}

// Tags yields the tags of a repository, layout or archive in the endpoint's order (a registry's is lexical). Pages are
// asked for as they are needed.
func Tags(ctx context.Context, env *Env, in TagsIn) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := tags(ctx, env, in, func(t string) bool { return yield(t, nil) }); err != nil {
			yield("", err)
		}
	}
}

func tags(ctx context.Context, env *Env, in TagsIn, yield func(string) bool) error {
	if in.Limit < 0 {
		return errs.New(errs.Input, in.Ref, "the limit %d is negative", in.Limit)
	}
	src, r, err := env.open(ctx, in.Ref)
	if err != nil {
		return err
	}
	defer src.Close()
	if named(r) {
		return errs.New(errs.Input, in.Ref, "names one image; tags are listed of a whole repository").Hinted("leave out the tag or digest")
	}
	lister, ok := content.As[content.TagLister](src)
	if !ok {
		return errs.New(errs.Unsupported, in.Ref, "a %s: image has no tags", r.Scheme)
	}
	n := 0
	for tag, err := range lister.Tags(ctx, in.After) {
		if err != nil {
			return errs.Wrap(in.Ref, err)
		}
		if !yield(tag) {
			return nil
		}
		if n++; n == in.Limit {
			return nil
		}
	}
	return nil
}
