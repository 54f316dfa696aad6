package core

import (
	"context"
	"iter"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// CatalogIn is the request of catalog.
type CatalogIn struct {
	Registry string `json:"registry" arg:"REGISTRY" help:"host[:port] of a registry"`
	Limit    int    `json:"limit,omitempty" help:"stop after so many"`
	After    string `json:"after,omitempty" help:"start after this repository"`
}

// Catalog yields the repositories of a registry, in its order. Pages are asked for as they are needed. Kinds: unsupported and
// denied by registries that tell nobody, as the large public ones.
func Catalog(ctx context.Context, env *Env, in CatalogIn) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := catalog(ctx, env, in, func(t string) bool { return yield(t, nil) }); err != nil {
			yield("", err)
		}
	}
}

func catalog(ctx context.Context, env *Env, in CatalogIn, yield func(string) bool) error {
	if in.Limit < 0 {
		return errs.New(errs.Input, in.Registry, "the limit %d is negative", in.Limit)
	}
	r, err := ref.ParseRegistry(in.Registry)
	if err != nil {
		return err
	}
	if env.Registry == nil {
		return errs.New(errs.Unsupported, in.Registry, "this host reaches no registries")
	}
	lister, err := env.Registry(ctx, r)
	if err != nil {
		return errs.Wrap(in.Registry, err)
	}
	n := 0
	for name, err := range lister.Repositories(ctx, in.After) {
		if err != nil {
			return errs.Wrap(in.Registry, err)
		}
		if !yield(name) {
			return nil
		}
		if n++; n == in.Limit {
			return nil
		}
	}
	return nil
}
