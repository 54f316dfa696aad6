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
	env := &core.Env{File: func(context.Context, string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	return spec(t.Context(), env, "jobs", to)
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

const skopeoFile = `
# as skopeo's documentation has it
registry.example.com:
    images:
        busybox: []
        redis:
            - "1.0"
            - "sha256:0000000000000000000000000000000011111111111111111111111111111111"
    images-by-semver:
        team/alpine: ">= 3.12.0"
    images-by-tag-regex:
        nginx: ^1\.13\.[12]-alpine-perl$
    tls-verify: true
quay.io:
    images:
        coreos/etcd:
            - latest
`

func TestSpecSkopeo(t *testing.T) {
	jobs, err := readSpec(t, skopeoFile, "r.example/mirror/")
	require.NoError(t, err)
	const d = "sha256:0000000000000000000000000000000011111111111111111111111111111111"
	require.Equal(t, []core.SyncJob{
		{Source: "docker://quay.io/coreos/etcd:latest", Destination: "r.example/mirror/etcd:latest"},
		{Source: "docker://registry.example.com/busybox", Destination: "r.example/mirror/busybox", Tags: &xfer.Selection{}},
		{Source: "docker://registry.example.com/redis:1.0", Destination: "r.example/mirror/redis:1.0"},
		{Source: "docker://registry.example.com/redis@" + d, Destination: "r.example/mirror/redis@" + d},
		{Source: "docker://registry.example.com/nginx", Destination: "r.example/mirror/nginx", Tags: &xfer.Selection{Match: `.*(?:^1\.13\.[12]-alpine-perl$).*`}},
		{Source: "docker://registry.example.com/team/alpine", Destination: "r.example/mirror/alpine", Tags: &xfer.Selection{Semver: ">= 3.12.0"}},
	}, jobs)
	tags, err := jobs[4].Tags.Tags([]string{"1.13.1-alpine-perl", "1.13.12-alpine-perl", "x1.13.1-alpine-perl"})
	require.NoError(t, err)
	require.Equal(t, []string{"1.13.1-alpine-perl"}, tags)

	_, err = readSpec(t, skopeoFile, "")
	require.Contains(t, errs.HintOf(err), "--to")
	for _, bad := range []string{"r.example:\n  images: {a: []}\n  credentials: {username: a, password: b}\n", "r.example:\n  tls-verify: false\n"} {
		_, err = readSpec(t, bad, "x.example")
		require.Equal(t, errs.Unsupported, errs.Of(err), bad)
	}
	_, err = readSpec(t, "r.example:\n  imagez: {}\n", "x.example")
	require.Equal(t, errs.Input, errs.Of(err))
}
