package syncfile

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// FuzzRead: whatever is in a file, it is jobs with both ends, or an error of kind input or unsupported.
func FuzzRead(f *testing.F) {
	for _, text := range []string{skopeoFile, regsyncFileText, "a: &a [*a]", "sync: [{source: a, target: b, type: image}]", "a: {images: {b: [c, 'sha256:0']}}", "---\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		env := &core.Env{} // of a registry's repositories there is no list
		jobs, err := reader().Read(t.Context(), env, "jobs", []byte(text), "r.example/mirror")
		if err != nil {
			require.True(t, slices.Contains([]errs.Kind{errs.Input, errs.Unsupported}, errs.Of(err)), "%v", err)
			return
		}
		for _, j := range jobs {
			require.NotEmpty(t, j.Destination)
		}
	})
}
