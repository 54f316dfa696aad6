package layout_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// TestDurable pulls the plug at the moment that index.json gets its name: no blob may be lost then.
func TestDurable(t *testing.T) {
	seen := 0
	d := fsystest.NewDisk(memfs.New(), func(name string, lost []string) {
		if name != "index.json" {
			return
		}
		seen++
		for _, l := range lost {
			require.False(t, strings.HasPrefix(l, "blobs/"), "%s is not on the disk", l)
		}
	})
	require.NoError(t, fill(t.Context(), d, contenttest.NewIndex(), plain))
	require.Equal(t, 1, seen)
}
