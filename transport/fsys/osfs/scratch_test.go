package osfs_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// TestScratch is made once, when it is needed, and goes.
func TestScratch(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	left := func() int {
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		return len(list)
	}
	scratch, free := osfs.Scratch("test-")
	require.Zero(t, left())
	require.NotNil(t, scratch.Dir())
	require.Same(t, scratch.Dir(), scratch.Dir())
	require.Equal(t, 1, left())
	free()
	require.Zero(t, left())

	t.Setenv("TMPDIR", dir+"/nowhere")
	scratch, free = osfs.Scratch("test-")
	require.Nil(t, scratch.Dir())
	free()
}
