package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/event"
)

// TestNoTemporaryFolder: nothing is made where nothing is kept.
func TestNoTemporaryFolder(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	_, free, err := environment(t.Context(), cli.Global{NoRegistriesConf: true}, func(event.Event) {})
	require.NoError(t, err)
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, list)
	free()
}
