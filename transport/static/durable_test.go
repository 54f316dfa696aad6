package static_test

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// TestDurable pulls the plug at the moment that a tag gets its name: no blob may be lost then.
func TestDurable(t *testing.T) {
	seen, f := 0, contenttest.NewIndex()
	d := fsystest.NewDisk(memfs.New(), func(name string, lost []string) {
		if path.Base(name) != f.Tag {
			return
		}
		seen++
		for _, l := range lost {
			require.False(t, strings.Contains(l, "/blobs/"), "%s is not on the disk", l)
		}
	})
	require.NoError(t, put(t, d, "team/app", f.Tag, f))
	require.Positive(t, seen)
}
