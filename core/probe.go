package core

import (
	"context"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// ProbeIn is the request of probe.
type ProbeIn struct {
	Ref  string `json:"ref" arg:"REPOSITORY" help:"repository of the registry, with an image in it to try things on"`
	Push bool   `json:"push,omitempty" help:"try writing and deleting, too; nothing stays, and nothing that is there is touched"`
}

// Probe finds out what a registry can do by asking it. What could not be tried is unknown. Kinds: network, and unsupported for
// an endpoint that is no registry.
func Probe(ctx context.Context, env *Env, in ProbeIn) (content.Abilities, error) {
	src, _, err := env.written().open(ctx, in.Ref)
	if err != nil {
		return content.Abilities{}, err
	}
	defer src.Close()
	p, ok := content.As[content.Prober](src)
	if !ok {
		return content.Abilities{}, errs.New(errs.Unsupported, in.Ref, "is in no registry")
	}
	a, err := p.Probe(ctx, in.Push)
	return a, errs.Wrap(in.Ref, err)
}
