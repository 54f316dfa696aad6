package registries_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/registries"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/mirror"
)

func write(t *testing.T, text string, parts ...string) string {
	t.Helper()
	name := filepath.Join(parts...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func load(file string) (registries.Config, error) {
	return registries.Load(func(k string) string {
		if k == "CONTAINERS_REGISTRIES_CONF" {
			return file
		}
		return ""
	})
}

const sample = `
unqualified-search-registries = ["quay.example", "docker.io"]
short-name-mode = "enforcing"
credential-helpers = ["x"]
[aliases]
alpine = "docker.io/library/alpine"

[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "m.example:5000/hub"
insecure = true
[[registry.mirror]]
location = "d.example"
pull-from-mirror = "digest-only"

[[registry]]
prefix = "r.example/team"
location = "own.example/x"
mirror-by-digest-only = true
[[registry.mirror]]
location = "e.example"

[[registry]]
prefix = "*.bad.example"
blocked = true
`

func TestLoad(t *testing.T) {
	name := write(t, sample, t.TempDir(), "r.conf")
	c, err := load(name)
	require.NoError(t, err)
	require.Equal(t, mirror.Policy{
		Search: []string{"quay.example", "docker.io"}, Enforcing: true, Aliases: map[string]string{"alpine": "docker.io/library/alpine"},
		Registries: []mirror.Registry{
			{Prefix: "*.bad.example", Blocked: true, File: name},
			{Prefix: "docker.io", File: name, Mirrors: []mirror.Mirror{{Location: "m.example:5000/hub"}, {Location: "d.example", Pull: mirror.DigestOnly}}},
			{Prefix: "r.example/team", Location: "own.example/x", File: name, Mirrors: []mirror.Mirror{{Location: "e.example", Pull: mirror.DigestOnly}}},
		},
	}, c.Policy)
	require.Equal(t, map[string]bool{"m.example:5000": true}, c.Insecure)
	c, err = load(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	require.Empty(t, c.Policy.Registries)
}

// TestOrder reads the user's file in place of the machine's, and what is beside it after it.
func TestOrder(t *testing.T) {
	home := t.TempDir()
	write(t, "[aliases]\na = 'x.example/a'\nb = 'x.example/b'\n[[registry]]\nlocation = 'a.test'\n", home, ".config/containers/registries.conf")
	write(t, "[[registry]]\nprefix = 'a.test'\nlocation = 'b.test'\n", home, ".config/containers/registries.conf.d/1.conf")
	last := write(t, "[aliases]\na = 'y.example/a'\nb = ''\n[[registry]]\nlocation = 'a.test'\nblocked = true\n", home, ".config/containers/registries.conf.d/2.conf")
	write(t, "not TOML", home, ".config/containers/registries.conf.d/3.txt")
	for _, k := range []string{"HOME", "XDG_CONFIG_HOME"} {
		c, err := registries.Load(func(key string) string {
			switch {
			case key != k:
				return ""
			case k == "HOME":
				return home
			}
			return filepath.Join(home, ".config")
		})
		require.NoError(t, err)
		require.Contains(t, c.Policy.Registries, mirror.Registry{Prefix: "a.test", Blocked: true, File: last})
		require.Equal(t, "y.example/a", c.Policy.Aliases["a"])
		require.Empty(t, c.Policy.Aliases["b"])
	}
}

func TestBadFiles(t *testing.T) {
	for text, kind := range map[string]errs.Kind{
		"[[registry]\n": errs.Input,
		"[registries.search]\nregistries = ['a']\n":                                                    errs.Unsupported,
		"[[registry]]\nblocked = true\n":                                                               errs.Input,
		"[[registry]]\nprefix = 'a.test'\n":                                                            errs.Input,
		"[[registry]]\nprefix = '*.a.test/x'\nlocation = 'b.test'\n":                                   errs.Input,
		"[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\n":                                     errs.Input,
		"[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\nlocation='b'\npull-from-mirror='x'\n": errs.Input,
		"short-name-mode = 'x'\n":                                                                      errs.Input,
		"[[registry]]\nlocation = 12\n":                                                                errs.Input,
		"[[registry]]\nlocation = 'a.test'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation='b'\npull-from-mirror='all'\n": errs.Input,
	} {
		_, err := load(write(t, text, t.TempDir(), "r.conf"))
		require.Equal(t, kind, errs.Of(err), "%s: %v", text, err)
	}
}

// TestInsecureSubdomains: *.host is every subdomain, and not the host itself.
func TestInsecureSubdomains(t *testing.T) {
	name := filepath.Join(t.TempDir(), "registries.conf")
	require.NoError(t, os.WriteFile(name, []byte("[[registry]]\nprefix = '*.lan.example'\ninsecure = true\n[[registry]]\nlocation = 'one.example:5000/team'\ninsecure = true\n"), 0o600))
	c, err := registries.Load(func(key string) string { return map[string]string{"CONTAINERS_REGISTRIES_CONF": name}[key] })
	require.NoError(t, err)
	for host, want := range map[string]bool{
		"a.lan.example": true, "a.b.lan.example": true, "a.lan.example:5000": true, "lan.example": false, "xlan.example": false,
		"one.example:5000": true, "one.example": false, "a.one.example:5000": false, "localhost": false, "": false,
	} {
		require.Equal(t, want, c.IsInsecure(host), host)
	}
}
