package syncfile

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Login is how a registry is spoken to, as a file says it.
type Login struct {
	Registry       string // host[:port], as references have it
	User, Password string // "" for none
	PlainHTTP      bool
}

// regsyncCreds are an entry of the list creds.
type regsyncCreds struct {
	Registry string               `yaml:"registry"`
	User     string               `yaml:"user"`
	Pass     string               `yaml:"pass"`
	TLS      string               `yaml:"tls"`
	Others   map[string]yaml.Node `yaml:",inline"`
}

// login hands an entry to who opens registries.
func (s regsync) login(c regsyncCreds) error {
	l := Login{}
	for _, text := range []struct {
		key, from string
		to        *string
	}{{"registry", c.Registry, &l.Registry}, {"user", c.User, &l.User}, {"pass", c.Pass, &l.Password}} {
		var err error
		if *text.to, err = s.expand("creds: "+text.key, text.from, nil); err != nil {
			return err
		}
	}
	if l.Registry == "" {
		return errs.New(errs.Input, s.name, "an entry of creds names no registry")
	}
	where := "creds: " + l.Registry + ": "
	switch c.TLS {
	case "", "enabled":
	case "disabled":
		l.PlainHTTP = true
	case "insecure":
		return errs.New(errs.Unsupported, s.name, "%stls: insecure is not supported", where).Hinted("--insecure-skip-tls-verify, or insecure in registries.conf")
	default:
		return errs.New(errs.Input, s.name, "%stls is %q, and not enabled, insecure or disabled", where, c.TLS)
	}
	if (l.User == "") != (l.Password == "") {
		s.warn(where + "user or pass is empty, and the other passed over")
		l.User, l.Password = "", ""
	}
	for _, key := range slices.Sorted(maps.Keys(c.Others)) {
		s.warn(where + key + " is passed over")
	}
	if s.r.Login != nil {
		s.r.Login(l)
	}
	return nil
}
