package core_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// TestProbeRegistry: the name of a registry alone is not taken for an image of Docker Hub, which would be asked.
func TestProbeRegistry(t *testing.T) {
	asked := errs.New(errs.Network, "", "was asked")
	env := &core.Env{Source: func(context.Context, ref.Reference) (content.Source, error) { return nil, asked }}
	for typed, host := range map[string]string{
		"127.0.0.1:5000": "127.0.0.1:5000", "localhost:5000/": "localhost:5000", "docker://r.example": "r.example",
		"alpine": "", "alpine:3.20": "", "r.example/a": "", "localhost/a": "",
	} {
		_, err := core.Probe(t.Context(), env, core.ProbeIn{Ref: typed})
		if host == "" {
			require.ErrorIs(t, err, asked, typed)
			continue
		}
		require.Equal(t, errs.Input, errs.Of(err), typed)
		require.Contains(t, errs.HintOf(err), ": "+host+"/REPOSITORY")
	}
}
