// Package registries reads what the user and the machine say of registries: containers-registries.conf(5), version 2
// (https://github.com/containers/image/blob/v5.36.2/docs/containers-registries.conf.5.md), as Podman and skopeo do.
package registries

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/mirror"
)

// system is where a machine keeps its configuration.
const system = "/etc/containers"

// Config is what the files say.
type Config struct {
	Policy mirror.Policy
	// Insecure are the registries, host[:port], or *.host for all of its subdomains. What the file says of a part of a registry
	// holds for the whole of it here.
	Insecure map[string]bool
}

// IsInsecure says whether the certificate of a registry, host[:port], is not checked, and it may have none at all.
func (c Config) IsInsecure(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	for !c.Insecure[host] {
		_, above, ok := strings.Cut(name, ".")
		if !ok {
			return false
		}
		host, name = "*."+above, above
	}
	return true
}

// Load reads the file that CONTAINERS_REGISTRIES_CONF names, that one only; else the user's registries.conf or, where there
// is none, the machine's, and then all of registries.conf.d, the machine's before the user's. Files that are not there say
// nothing. Kinds: input, denied, unsupported (version 1 of the format).
func Load(getenv func(string) string) (Config, error) {
	files, err := list(getenv)
	if err != nil {
		return Config{}, err
	}
	c := collected{aliases: map[string]string{}, registries: map[string]registry{}}
	for _, name := range files {
		if err := c.read(name); err != nil {
			return Config{}, err
		}
	}
	return c.config()
}

func list(getenv func(string) string) ([]string, error) {
	if name := getenv("CONTAINERS_REGISTRIES_CONF"); name != "" {
		return []string{name}, nil
	}
	dirs := []string{system}
	if d := getenv("XDG_CONFIG_HOME"); d != "" {
		dirs = append(dirs, filepath.Join(d, "containers"))
	} else if home := getenv("HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, ".config", "containers"))
	}
	var out []string
	for _, d := range slices.Backward(dirs) {
		name := filepath.Join(d, "registries.conf")
		if _, err := os.Stat(name); err == nil {
			out = append(out, name)
			break
		}
	}
	for _, d := range dirs {
		more, err := filepath.Glob(filepath.Join(d, "registries.conf.d", "*.conf")) // in the order of their names
		if err != nil {
			return nil, errs.New(errs.Input, d, "%w", err)
		}
		out = append(out, more...)
	}
	return out, nil
}

// file is one of them. What is in it besides is for programs that pull and run images.
type file struct {
	Search     []string          `toml:"unqualified-search-registries"`
	Mode       string            `toml:"short-name-mode"`
	Aliases    map[string]string `toml:"aliases"`
	Registries []registry        `toml:"registry"`
	Version1   any               `toml:"registries"`
}

type registry struct {
	Prefix     string   `toml:"prefix"`
	Location   string   `toml:"location"`
	Insecure   bool     `toml:"insecure"`
	Blocked    bool     `toml:"blocked"`
	DigestOnly bool     `toml:"mirror-by-digest-only"`
	Mirrors    []remote `toml:"mirror"`

	file string
}

type remote struct {
	Location string `toml:"location"`
	Insecure bool   `toml:"insecure"`
	Pull     string `toml:"pull-from-mirror"`
}

// collected is what the files say together: later ones replace what earlier ones say of the same prefix and the same alias.
type collected struct {
	search     []string
	mode       string
	aliases    map[string]string
	registries map[string]registry
}

func (c *collected) read(name string) error {
	raw, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return errs.New(errs.Denied, name, "%w", err)
	case err != nil:
		return errs.New(errs.Input, name, "%w", err)
	}
	var f file
	if err := toml.Unmarshal(raw, &f); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, _ := at.Position()
			return errs.New(errs.Input, name, "line %d: %v", row, at)
		}
		return errs.New(errs.Input, name, "%w", err)
	}
	if f.Version1 != nil {
		return errs.New(errs.Unsupported, name, "is of version 1 of its format, which is no longer read").
			Hinted("write [[registry]] tables, or use --no-registries-conf")
	}
	if f.Search != nil {
		c.search = f.Search
	}
	if f.Mode != "" {
		c.mode = f.Mode
	}
	maps.Copy(c.aliases, f.Aliases)
	for _, r := range f.Registries {
		r.file = name
		if err := r.check(); err != nil {
			return err
		}
		if r.Prefix == "" {
			r.Prefix = r.Location
		}
		c.registries[r.Prefix] = r
	}
	return nil
}

func (r registry) check() error {
	wild := strings.HasPrefix(r.Prefix, "*.")
	switch {
	case r.Prefix == "" && r.Location == "":
		return errs.New(errs.Input, r.file, "a [[registry]] has neither prefix nor location")
	case r.Location == "" && !wild:
		return errs.New(errs.Input, r.file, "the [[registry]] with the prefix %s has no location", r.Prefix)
	case wild && strings.Contains(r.Prefix, "/"), strings.Contains(strings.TrimPrefix(r.Prefix, "*."), "*"):
		return errs.New(errs.Input, r.file, "%q is not a prefix", r.Prefix)
	}
	for _, m := range r.Mirrors {
		switch {
		case m.Location == "":
			return errs.New(errs.Input, r.file, "a mirror of %s has no location", r.name())
		case r.DigestOnly && m.Pull != "":
			return errs.New(errs.Input, r.file, "%s has mirror-by-digest-only, so that its mirrors cannot have pull-from-mirror", r.name())
		case !slices.Contains([]string{"", "all", "digest-only", "tag-only"}, m.Pull):
			return errs.New(errs.Input, r.file, "pull-from-mirror of %s is %q, and neither all, digest-only nor tag-only", m.Location, m.Pull)
		}
	}
	return nil
}

func (r registry) name() string {
	if r.Prefix != "" {
		return r.Prefix
	}
	return r.Location
}

func (c *collected) config() (Config, error) {
	if !slices.Contains([]string{"", "enforcing", "permissive", "disabled"}, c.mode) {
		return Config{}, errs.New(errs.Input, "registries.conf", "short-name-mode is %q, and neither enforcing, permissive nor disabled", c.mode)
	}
	out := Config{
		Policy:   mirror.Policy{Aliases: c.aliases, Search: c.search, Enforcing: c.mode == "enforcing"},
		Insecure: map[string]bool{},
	}
	for _, prefix := range slices.Sorted(maps.Keys(c.registries)) {
		r := c.registries[prefix]
		to := mirror.Registry{Prefix: prefix, Location: r.Location, Blocked: r.Blocked, File: r.file}
		if r.Location == prefix {
			to.Location = ""
		}
		for _, m := range r.Mirrors {
			pull := mirror.Pull(strings.TrimPrefix(m.Pull, "all"))
			if r.DigestOnly {
				pull = mirror.DigestOnly
			}
			to.Mirrors = append(to.Mirrors, mirror.Mirror{Location: m.Location, Pull: pull})
			out.trust(m.Location, m.Insecure)
		}
		out.trust(r.Location, r.Insecure)
		out.trust(prefix, r.Insecure && r.Location == "")
		out.Policy.Registries = append(out.Policy.Registries, to)
	}
	return out, nil
}

// trust keeps the registry of a location that is insecure, by the name it is reached at.
func (c Config) trust(location string, insecure bool) {
	host, _, _ := strings.Cut(location, "/")
	if host == ref.HubName {
		host = ref.HubHost
	}
	if insecure && host != "" {
		c.Insecure[host] = true
	}
}
