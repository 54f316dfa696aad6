package syncfile

import (
	"context"
	"io/fs"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

const regsyncFileText = `
version: 1
x-common: &common
  digestTags: false
creds:
  - registry: r.example
    user: a
    pass: b
defaults:
  ratelimit: {min: 100, retry: 15m}
  interval: 60m
  referrers: true
  digestTags: true
sync:
  - source: busybox:latest
    target: r.example/library/busybox:latest
    type: image
    platform: linux/amd64
    <<: *common
  - source: alpine
    target: ocidir://mirror/alpine
    type: repository
    tags:
      allow: ["latest", "3", "3.\\d+"]
      deny: ["3.0", "3.1."]
    referrers: false
    hooks: {}
  - source: all.example
    target: r.example/all
    type: registry
    repos: {deny: [secret/.*]}
`

type names []string

func (n names) Repositories(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, s := range n {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// reader has one variable and one file.
func reader() Reader {
	return Reader{
		Getenv: func(name string) string { return map[string]string{"REGISTRY": "r.example:5000"}[name] },
		ReadFile: func(name string) ([]byte, error) {
			if name != "/run/secrets/token" {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return []byte("  s3cret\n"), nil
		},
	}
}

func regsyncJobs(t *testing.T, text string) (jobs []core.SyncJob, warnings []string, err error) {
	t.Helper()
	env := &core.Env{
		Registry: func(context.Context, ref.Reference) (content.Cataloger, error) {
			return names{"a", "secret/b", "team/c"}, nil
		},
		Event: func(e event.Event) { warnings = append(warnings, e.Message) },
	}
	jobs, err = reader().Read(t.Context(), env, "jobs", []byte(text), "")
	return jobs, warnings, err
}

func TestRegsync(t *testing.T) {
	jobs, warnings, err := regsyncJobs(t, regsyncFileText)
	require.NoError(t, err)
	require.Equal(t, []core.SyncJob{
		{Source: "busybox:latest", Destination: "r.example/library/busybox:latest", Platforms: []string{"linux/amd64"}, Referrers: true},
		{Source: "alpine", Destination: "oci:mirror/alpine", DigestTags: true, Tags: &xfer.Selection{Match: `(?:latest)|(?:3)|(?:3.\d+)`, NoMatch: "(?:3.0)|(?:3.1.)"}},
		{Source: "all.example/a", Destination: "r.example/all/a", Referrers: true, DigestTags: true, Tags: &xfer.Selection{}},
		{Source: "all.example/team/c", Destination: "r.example/all/team/c", Referrers: true, DigestTags: true, Tags: &xfer.Selection{}},
	}, jobs)
	tags, err := jobs[1].Tags.Tags([]string{"latest", "3", "3.0", "3.1", "3.10", "3.20", "3.20.1", "edge"})
	require.NoError(t, err)
	require.Equal(t, []string{"latest", "3", "3.1", "3.20"}, tags)
	require.Equal(t, []string{
		"defaults: interval is passed over: a scheduler runs sync",
		"defaults: ratelimit is passed over: what a registry says of its limits is followed",
	}, warnings)
}

// TestRegsyncRefuses names what would have something else copied than is asked for.
func TestRegsyncRefuses(t *testing.T) {
	entry := func(more string) string {
		return "version: 1\nsync:\n  - source: a.example/a\n    target: b.example/a\n" + more
	}
	for text, says := range map[string]string{
		"version: 2\nsync: []\n": "version 2",
		"version: 1\nsync:\n  - {source: 'a.example/{{ .X.Y }}', target: b, type: image}\n": "can't evaluate field X",
		"version: 1\nsync:\n  - {source: '{{ env \"X\" }}', target: b, type: image}\n":      `the source ""`,
		"version: 1\ncreds: [{user: a, pass: b}]\nsync: []\n":                               "names no registry",
		"version: 1\ncreds: [{registry: r, tls: no}]\nsync: []\n":                           "not enabled, insecure or disabled",
		"version: 1\ncreds: [{registry: r, pass: '{{file \"/x\"}}'}]\nsync: []\n":           "creds: pass: open /x: file does not exist",
		"version: 1\ncreds: [{registry: r, pass: '{{'}]\nsync: []\n":                        `the template "{{"`,
		"version: 1\ndefaults: {backup: 'x'}\nsync: []\n":                                   "defaults: backup is not supported",
		"version: 1\nsynced: [x]\nsync: []\n":                                               "synced is not supported",
		entry("    type: image\n    hooks: {pre: {type: x}}\n"):                             "a.example/a: hooks is not supported",
		entry("    type: repository\n    tags: {semverRange: ['>1']}\n"):                    "a.example/a: tags.semverRange is not supported",
		entry("    type: repository\n    mediaTypes: [x]\n"):                                "a.example/a: mediaTypes is not supported",
		entry("    type: x\n"):                                                                   "neither image, repository nor registry",
		entry("    type: image\n    tags: {allow: [x]}\n"):                                       "tags is for whole repositories",
		entry("    type: image\n    repos: {allow: [x]}\n"):                                      "repos is for the type registry only",
		"version: 1\nsync:\n  - {source: a, target: b, type: registry, repos: {allow: ['(']}}\n": "missing closing",
		"version: 1\nsync:\n  - {source: a, type: image}\n":                                      `the target ""`,
		"version: x\nsync: []\n":                                                                 "cannot unmarshal",
	} {
		_, _, err := regsyncJobs(t, text)
		require.Contains(t, []errs.Kind{errs.Input, errs.Unsupported}, errs.Of(err), text)
		require.ErrorContains(t, err, says, text)
	}
}

// TestRegsyncTemplates reads what regsync's users take from the environment and from files.
func TestRegsyncTemplates(t *testing.T) {
	var logins []Login
	r := reader()
	r.Login = func(l Login) { logins = append(logins, l) }
	var warnings []string
	env := &core.Env{Event: func(e event.Event) { warnings = append(warnings, e.Message) }}
	jobs, err := r.Read(t.Context(), env, "jobs", []byte(`
version: 1
creds:
  - registry: docker.io
    user: '{{env "NOBODY" | default "me"}}'
    pass: '{{file "/run/secrets/token"}}'
    reqPerSec: 10
  - registry: '{{env "REGISTRY"}}'
    tls: disabled
  - {registry: half.example, user: a, pass: '{{env "NOBODY"}}'}
sync:
  - source: alpine:{{ "3.20" }}
    target: '{{env "REGISTRY"}}/mirror/{{ .Sync.Source }}'
    type: image
  - source: team/App
    target: '{{env "REGISTRY"}}/{{ join (split (lower .Sync.Source) "/") "-" }}'
    type: repository
`), "")
	require.NoError(t, err)
	require.Equal(t, []core.SyncJob{
		{Source: "alpine:3.20", Destination: "r.example:5000/mirror/alpine:3.20"},
		{Source: "team/App", Destination: "r.example:5000/team-app", Tags: &xfer.Selection{}},
	}, jobs)
	require.Equal(t, []Login{
		{Registry: "docker.io", User: "me", Password: "s3cret"}, {Registry: "r.example:5000", PlainHTTP: true}, {Registry: "half.example"},
	}, logins)
	require.Equal(t, []string{
		"creds: docker.io: reqPerSec is passed over", "creds: half.example: user or pass is empty, and the other passed over",
	}, warnings)

	for text, says := range map[string]string{
		`{{ time.Now }}`: `the function "time"`, `{{ json .Sync }}`: `the function "json"`, `{{ nothing }}`: `function "nothing"`, `{{ .Ref.Tag }}`: "Ref",
		`{{ .Sync.Nothing }}`: "Nothing",
	} {
		_, err := r.Read(t.Context(), env, "jobs", []byte("version: 1\nsync:\n  - {source: a, target: 'b:"+text+"', type: image}\n"), "")
		require.Equal(t, errs.Unsupported, errs.Of(err), text)
		require.ErrorContains(t, err, says)
	}
}
