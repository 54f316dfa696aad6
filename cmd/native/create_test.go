package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

func TestCreator(t *testing.T) {
	none, err := creator("")
	require.NoError(t, err)
	require.Nil(t, none)
	_, err = creator(filepath.Join(t.TempDir(), "missing"))
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)

	program, made := filepath.Join(t.TempDir(), "make"), filepath.Join(t.TempDir(), "made")
	script := "#!/bin/sh\n[ \"$2\" != team/closed ] || { echo no quota >&2; exit 3; }\necho \"$@\" >" + made + "\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
	create, err := creator(program)
	require.NoError(t, err)
	require.NoError(t, create(t.Context(), "r.example:5000", "team/app"))
	said, err := os.ReadFile(made)
	require.NoError(t, err)
	require.Equal(t, "r.example:5000 team/app\n", string(said))
	err = create(t.Context(), "r.example:5000", "team/closed")
	require.Equal(t, errs.Denied, errs.Of(err))
	require.ErrorContains(t, err, "exit status 3: no quota")
}
