package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// TestNoFsync: what is written without a sync is the same layout, and only verbs that write images have the flag.
func TestNoFsync(t *testing.T) {
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := cli.Run(t.Context(), args, cli.Shell{Stdout: &out, Stderr: &out, Env: environment, Create: create, Registries: true})
		return code, out.String()
	}
	dir := t.TempDir()
	for _, flags := range [][]string{{dir + "/synced"}, {dir + "/left", "--no-fsync"}} {
		code, out := run(append([]string{"copy", "oci:../../testdata/harbor:1.0", "oci:" + flags[0] + ":1.0"}, flags[1:]...)...)
		require.Zero(t, code, out)
		code, out = run("validate", "oci:"+flags[0]+":1.0")
		require.Zero(t, code, out)
	}
	code, out := run("bundle", "--no-fsync", dir+"/images.tar", "oci:"+dir+"/left:1.0")
	require.Zero(t, code, out)
	code, out = run("validate", "oci-archive:"+dir+"/images.tar")
	require.Zero(t, code, out)
	code, _ = run("inspect", "--no-fsync", "oci:"+dir+"/left:1.0")
	require.Equal(t, errs.Input.Exit(), code)
}
