package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/event"
)

// TestTemporaryWhenNeeded: nothing is made where nothing is kept, and what was made goes.
func TestTemporaryWhenNeeded(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	left := func() int {
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		return len(list)
	}
	_, free, err := environment(t.Context(), cli.Global{NoRegistriesConf: true}, func(event.Event) {})
	require.NoError(t, err)
	require.Zero(t, left())
	free()

	scratch, free := temporary()
	require.NotNil(t, scratch.Dir())
	require.Same(t, scratch.Dir(), scratch.Dir())
	require.Equal(t, 1, left())
	free()
	require.Zero(t, left())

	t.Setenv("TMPDIR", dir+"/nowhere")
	scratch, free = temporary()
	require.Nil(t, scratch.Dir())
	free()
}
