package mirror_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/mirror"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func parse(t *testing.T, typed string) ref.Reference {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	return r
}

// places writes them down: mirrors in parentheses, foreign ones with a !, and where it is written after >.
func places(t *testing.T, p mirror.Policy, typed string) ([]string, error) {
	t.Helper()
	got, err := p.Places(parse(t, typed))
	var out []string
	name := func(r ref.Reference) string {
		require.Equal(t, typed, r.Typed)
		s := r.Host + "/" + r.Repository
		if r.Tag != "" {
			s += ":" + r.Tag
		}
		if r.Digest != "" {
			s += "@" + r.Digest
		}
		return s
	}
	for _, at := range got.Read {
		s := name(at.Ref)
		if at.Mirror {
			s = "(" + s + ")"
		}
		if at.Foreign {
			s += "!"
		}
		out = append(out, s)
	}
	for _, w := range got.Write {
		out = append(out, ">"+name(w))
	}
	return out, err
}

func TestPlaces(t *testing.T) {
	p := mirror.Policy{Registries: []mirror.Registry{
		{Prefix: "docker.io", Mirrors: []mirror.Mirror{{Location: "m.example/hub"}, {Location: "d.example", Pull: mirror.DigestOnly}, {Location: "t.example", Pull: mirror.TagOnly}}},
		{Prefix: "docker.io/library/redis", Location: "own.example/redis"},
		{Prefix: "bad.example", Blocked: true, File: "/x.conf"},
		{Prefix: "bad.example/good"},
		{Prefix: "*.wild.example", Location: "in.example"},
		{Prefix: "*.kept.example", Mirrors: []mirror.Mirror{{Location: "k.example"}}},
		{Prefix: "one.example/a:v1", Location: "one.example/b:v2"},
		{Prefix: "self.example/a", Mirrors: []mirror.Mirror{{Location: "self.example/copy/a"}}},
	}}
	for typed, want := range map[string][]string{
		"alpine":                     {"(m.example/hub/library/alpine:latest)!", "(t.example/library/alpine:latest)!", "registry-1.docker.io/library/alpine:latest", ">registry-1.docker.io/library/alpine:latest"},
		"team/app@" + digest:         {"(m.example/hub/team/app@" + digest + ")!", "(d.example/team/app@" + digest + ")!", "registry-1.docker.io/team/app@" + digest, ">registry-1.docker.io/team/app@" + digest},
		"docker://docker.io/redis:7": {"own.example/redis:7!", ">registry-1.docker.io/library/redis:7"},
		"redis-x:7":                  {"(m.example/hub/library/redis-x:7)!", "(t.example/library/redis-x:7)!", "registry-1.docker.io/library/redis-x:7", ">registry-1.docker.io/library/redis-x:7"},
		"other.example/a:1":          {"other.example/a:1", ">other.example/a:1"},
		"bad.example/good/a:1":       {"bad.example/good/a:1", ">bad.example/good/a:1"},
		"bad.example.org/a:1":        {"bad.example.org/a:1", ">bad.example.org/a:1"},
		"x.y.wild.example:5000/a:1":  {"in.example:5000/a:1!", ">x.y.wild.example:5000/a:1"},
		"wild.example/a:1":           {"wild.example/a:1", ">wild.example/a:1"},
		"a.kept.example/b/c:1":       {"(k.example/b/c:1)!", "a.kept.example/b/c:1", ">a.kept.example/b/c:1"},
		"one.example/a:v1":           {"one.example/b:v2", ">one.example/a:v1"},
		"one.example/a:v10":          {"one.example/a:v10", ">one.example/a:v10"},
		"self.example/a:1":           {"(self.example/copy/a:1)", "self.example/a:1", ">self.example/a:1"},
	} {
		got, err := places(t, p, typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got, typed)
	}
	_, err := places(t, p, "bad.example:5000/a")
	require.Equal(t, errs.Denied, errs.Of(err))
	require.EqualError(t, err, "bad.example:5000/a: bad.example is blocked by /x.conf")
	r, err := ref.ParseRegistry("bad.example")
	require.NoError(t, err)
	_, err = p.Places(r)
	require.Equal(t, errs.Denied, errs.Of(err))
	_, err = places(t, mirror.Policy{Registries: []mirror.Registry{{Prefix: "a.example", Location: "B/C"}}}, "a.example/x")
	require.Equal(t, errs.Input, errs.Of(err))
}

func TestShortNames(t *testing.T) {
	p := mirror.Policy{
		Registries: []mirror.Registry{{Prefix: "q.example/fedora", Mirrors: []mirror.Mirror{{Location: "m.example/f"}}}, {Prefix: "bad.example", Blocked: true}},
		Aliases:    map[string]string{"fedora": "q.example/fedora", "team/app": "r.example/app", "gone": ""},
		Search:     []string{"s.example:5000", "docker.io"},
	}
	search := func(name string) []string {
		return []string{"s.example:5000/" + name, "registry-1.docker.io/library/" + name, ">s.example:5000/" + name, ">registry-1.docker.io/library/" + name}
	}
	for typed, want := range map[string][]string{
		"fedora:41":          {"(m.example/f:41)!", "q.example/fedora:41", ">q.example/fedora:41"},
		"fedora@" + digest:   {"(m.example/f@" + digest + ")!", "q.example/fedora@" + digest, ">q.example/fedora@" + digest},
		"team/app":           {"r.example/app:latest", ">r.example/app:latest"},
		"app:1":              search("app:1"),
		"gone:1":             search("gone:1"),
		"docker://fedora:41": {"registry-1.docker.io/library/fedora:41", ">registry-1.docker.io/library/fedora:41"},
		"docker.io/fedora":   {"registry-1.docker.io/library/fedora:latest", ">registry-1.docker.io/library/fedora:latest"},
		"localhost/fedora":   {"localhost/fedora:latest", ">localhost/fedora:latest"},
	} {
		got, err := places(t, p, typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got, typed)
	}
	p.Enforcing = true
	_, err := places(t, p, "app:1")
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "may be in any of s.example:5000, docker.io")
	p.Search = []string{"bad.example"}
	_, err = places(t, p, "app:1")
	require.Equal(t, errs.Denied, errs.Of(err))
	got, err := places(t, mirror.Policy{}, "app:1")
	require.NoError(t, err)
	require.Equal(t, []string{"registry-1.docker.io/library/app:1", ">registry-1.docker.io/library/app:1"}, got)
}
