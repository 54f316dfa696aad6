package syncfile

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

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

func TestSkopeo(t *testing.T) {
	jobs, err := reader().Read(t.Context(), &core.Env{}, "jobs", []byte(skopeoFile), "r.example/mirror/")
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

	_, err = reader().Read(t.Context(), &core.Env{}, "jobs", []byte(skopeoFile), "")
	require.Contains(t, errs.HintOf(err), "--to")
	for text, says := range map[string]string{
		"r.example:\n  imagez: {}\n":         "jobs: line 2: field imagez not found",
		"r.example:\n  images: 1\n":          "jobs: line 2: cannot unmarshal !!int `1` into map[string][]string",
		"r.example:\n\timages: {}\n":         "jobs: line 2: found character that cannot start any token",
		"a: {imagez: {}}\nb: {imagez: {}}\n": "jobs: line 1: field imagez not found; line 2: field imagez not found",
	} {
		_, err = reader().Read(t.Context(), &core.Env{}, "jobs", []byte(text), "x.example")
		require.Equal(t, errs.Input, errs.Of(err))
		require.EqualError(t, err, says)
	}
}

// TestSkopeoTrust: what a file says of secrets and trust is not followed, and said.
func TestSkopeoTrust(t *testing.T) {
	var warnings []string
	env := &core.Env{Event: func(e event.Event) { warnings = append(warnings, e.Subject+": "+e.Message) }}
	text := "r.example:\n  images: {a: [v1]}\n  credentials: {username: a, password: b}\n  tls-verify: false\n  cert-dir: /certs\n"
	jobs, err := reader().Read(t.Context(), env, "jobs", []byte(text), "x.example")
	require.NoError(t, err)
	require.Equal(t, []core.SyncJob{{Source: "docker://r.example/a:v1", Destination: "x.example/a:v1"}}, jobs)
	require.Equal(t, []string{
		"jobs: r.example: credentials is passed over: log in, or use --src-creds",
		"jobs: r.example: tls-verify: false is passed over: use --insecure-skip-tls-verify or --plain-http where it is needed",
		"jobs: r.example: cert-dir is passed over: use --ca-file, --cert-file and --key-file",
	}, warnings)
}
