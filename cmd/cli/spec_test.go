package cli

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

func readSpec(t *testing.T, text, to string) ([]core.SyncJob, error) {
	t.Helper()
	return specOf(t, Shell{}, text, to)
}

func specOf(t *testing.T, sh Shell, text, to string) ([]core.SyncJob, error) {
	t.Helper()
	env := &core.Env{File: func(context.Context, string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	return sh.spec(t.Context(), env, "jobs", to)
}

func TestSpecLines(t *testing.T) {
	jobs, err := readSpec(t, "# mirror\n\nalpine:3.20\tr.example/alpine:3.20\n  oci:./a:b   docker://r.example/a:b  \n", "")
	require.NoError(t, err)
	require.Equal(t, []core.SyncJob{
		{Source: "alpine:3.20", Destination: "r.example/alpine:3.20"}, {Source: "oci:./a:b", Destination: "docker://r.example/a:b"},
	}, jobs)
	_, err = readSpec(t, "alpine:3.20 r.example/alpine\nalpine:3.21\n", "")
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, `jobs:2: "alpine:3.21" is not SRC DST`)
	_, err = readSpec(t, " \n", "")
	require.ErrorContains(t, err, "is empty")
}

func TestSpecJSON(t *testing.T) {
	want := []core.SyncJob{{Source: "r.example/a", Destination: "oci:./a", Tags: &xfer.Selection{Newest: 3}}}
	for _, text := range []string{
		`{"jobs":[{"source":"r.example/a","destination":"oci:./a","tags":{"newest":3}}]}`,
		`[{"source":"r.example/a","destination":"oci:./a","tags":{"newest":3}}]`,
	} {
		jobs, err := readSpec(t, text, "")
		require.NoError(t, err)
		require.Equal(t, want, jobs)
	}
	for _, bad := range []string{`{"jobs":[{"src":"a"}]}`, `[] []`, `{"jobs":`} {
		_, err := readSpec(t, bad, "")
		require.Equal(t, errs.Input, errs.Of(err), bad)
	}
}

// TestSpecYAML leaves YAML to the shell, and says so where the shell reads none.
func TestSpecYAML(t *testing.T) {
	const text = "registry.example:\n  images: {a: []}"
	_, err := readSpec(t, text, "x.example")
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.NotEmpty(t, errs.HintOf(err))
	sh := Shell{SyncYAML: func(_ context.Context, _ *core.Env, name string, text []byte, to string) ([]core.SyncJob, error) {
		return []core.SyncJob{{Source: name + string(text), Destination: to}}, nil
	}}
	jobs, err := specOf(t, sh, "\n"+text+"\n", "x.example")
	require.NoError(t, err)
	require.Equal(t, []core.SyncJob{{Source: "jobs" + text, Destination: "x.example"}}, jobs)
}
