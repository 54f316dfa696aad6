package core

import (
	"context"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// ProbeIn is the request of probe.
type ProbeIn struct {
	Ref  string `json:"ref" arg:"REPOSITORY" help:"repository of the registry, with an image in it to try things on"`
	Push bool   `json:"push,omitempty" help:"try writing and deleting, too; nothing stays, and nothing that is there is touched"`
}

// Probe finds out what a registry can do by asking it. What could not be tried is unknown. Kinds: network, and unsupported for
// an endpoint that is no registry.
func Probe(ctx context.Context, env *Env, in ProbeIn) (content.Abilities, error) {
	if err := bareRegistry(in.Ref); err != nil {
		return content.Abilities{}, err
	}
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

// bareRegistry fails for the name of a registry where a repository is wanted. As a reference it would be an image of Docker Hub, of
// which none has a name with a dot in it.
func bareRegistry(typed string) error {
	name := strings.TrimSuffix(strings.TrimPrefix(typed, ref.Docker+"://"), "/")
	host, _, _ := strings.Cut(name, ":")
	if strings.ContainsAny(name, "/@") || !strings.Contains(host, ".") && host != "localhost" {
		return nil
	}
	return errs.New(errs.Input, typed, "names a registry and no repository").Hinted("what it can do is tried in one: %s/REPOSITORY", name)
}
