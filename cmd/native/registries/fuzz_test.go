package registries_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// FuzzLoad: whatever is in a file, it is a policy or an error, and by a policy a name is somewhere, or an error: never a place
// without a host and a repository.
func FuzzLoad(f *testing.F) {
	for _, typed := range []string{"alpine", "r.example/team/x:v1", "docker://a.bad.example/x", "docker.io/library/busybox@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
		f.Add(sample, typed)
	}
	f.Add("[[registry]]\nlocation='a'\nprefix='*.'\n[aliases]\nx=':'\n", "x")
	name := filepath.Join(f.TempDir(), "registries.conf")
	f.Fuzz(func(t *testing.T, text, typed string) {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		c, err := load(name)
		if err != nil {
			require.True(t, slices.Contains([]errs.Kind{errs.Input, errs.Unsupported}, errs.Of(err)), "%v", err)
			return
		}
		r, err := ref.Parse(typed)
		if err != nil || r.Scheme != ref.Docker {
			return
		}
		places, err := c.Policy.Places(r)
		if err != nil {
			require.True(t, slices.Contains([]errs.Kind{errs.Input, errs.Denied}, errs.Of(err)), "%v", err)
			return
		}
		require.NotEmpty(t, places.Read)
		for _, p := range places.Read {
			require.NotEmpty(t, p.Ref.Host)
			require.NotEmpty(t, p.Ref.Repository)
			require.Equal(t, r.Digest, p.Ref.Digest)
			c.IsInsecure(p.Ref.Host)
		}
	})
}
