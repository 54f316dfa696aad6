// Package mirror says where an image that a reference names is really read from, and reads it there: the mirrors,
// redirections and short names of containers-registries.conf(5)
// (https://github.com/containers/image/blob/v5.36.2/docs/containers-registries.conf.5.md). It reads no files: a [Policy] is a value.
package mirror

import (
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// Policy is what is known of registries. The zero value leaves every reference as it is.
type Policy struct {
	Registries []Registry
	// Aliases are what short names stand for: "alpine" is host/repository.
	Aliases map[string]string
	// Search are the registries, host[:port], that a short name without an alias is looked for in, in this order. None: Docker
	// Hub alone.
	Search []string
	// Enforcing refuses a short name without an alias where Search has several registries.
	Enforcing bool
}

// Registry is what is known of the images whose names begin with Prefix; that with the longest one counts.
type Registry struct {
	// Prefix is host[:port] with as much of a name after it as is wanted, or *.host for every subdomain.
	Prefix string
	// Location is what is read in place of Prefix; "" for the same.
	Location string
	Blocked  bool
	Mirrors  []Mirror
	// File is where this is written, for messages.
	File string
}

// Mirror is read before the location.
type Mirror struct {
	Location string // in place of Prefix
	Pull     Pull
}

// Pull says which references a mirror is asked for.
type Pull string

// What a mirror is asked for.
const (
	All        Pull = "" // tags and digests
	DigestOnly Pull = "digest-only"
	TagOnly    Pull = "tag-only"
)

// Place is one that an image can be read from.
type Place struct {
	Ref    ref.Reference // echoes what was typed
	Mirror bool
	// Foreign is true where the place is in another registry than the one that was named: credentials that were given for that
	// one are not for this.
	Foreign bool
}

// Places are where an image is.
type Places struct {
	// Read are to be tried in this order; there is at least one.
	Read []Place
	// Write is where the image is written: mirrors and redirections are for reading only (containers-registries.conf(5), "Remapping
	// and mirroring registries"). There are several for a short name that several registries may have.
	Write []ref.Reference
}

// Places applies the policy to a registry reference. Kinds: denied for a registry that is blocked, input for a short name that
// stays ambiguous and for a location that makes no reference.
func (p Policy) Places(r ref.Reference) (Places, error) {
	names, err := p.names(r)
	if err != nil {
		return Places{}, err
	}
	var out Places
	var first error
	for _, n := range names {
		read, err := p.read(n)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		out.Read = append(out.Read, read...)
		out.Write = append(out.Write, n)
	}
	if len(out.Read) == 0 {
		return Places{}, first
	}
	return out, nil
}

// names are what r may mean: itself, but for a short name.
func (p Policy) names(r ref.Reference) ([]ref.Reference, error) {
	short, ok := shortName(r.Typed)
	if !ok {
		return []ref.Reference{r}, nil
	}
	if to := p.Aliases[short]; to != "" {
		n, err := at(r, to+suffix(r))
		return []ref.Reference{n}, err
	}
	if p.Enforcing && len(p.Search) > 1 {
		return nil, errs.New(errs.Input, r.Typed, "is a short name that may be in any of %s", strings.Join(p.Search, ", ")).
			Hinted("name the registry, or give it an alias in registries.conf")
	}
	if len(p.Search) == 0 {
		return []ref.Reference{r}, nil
	}
	var out []ref.Reference
	for _, host := range p.Search {
		n, err := at(r, host+"/"+short+suffix(r))
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// shortName is the name without tag and digest, where it names no registry. With docker:// it always does: Docker Hub, as
// skopeo has it.
func shortName(typed string) (string, bool) {
	name, _, _ := strings.Cut(typed, "@")
	if strings.HasPrefix(name, ref.Docker+"://") {
		return "", false
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	r, err := ref.Parse(name)
	if err != nil || r.Scheme != ref.Docker || r.Host != ref.HubHost || !strings.HasSuffix("/"+r.Repository, "/"+name) {
		return "", false
	}
	return name, true
}

// read lists the places of a name that says its registry.
func (p Policy) read(r ref.Reference) ([]Place, error) {
	name := fullName(r)
	reg, n := p.find(name)
	if reg == nil {
		return []Place{{Ref: r}}, nil
	}
	if reg.Blocked {
		return nil, errs.New(errs.Denied, r.Typed, "%s is blocked by %s", reg.Prefix, reg.File).Hinted("--no-registries-conf passes over that file")
	}
	var out []Place
	place := func(location string, mirror bool) error {
		to, err := at(r, location+name[n:])
		if err != nil {
			return errs.New(errs.Input, r.Typed, "the location %q of %s makes no reference: %v", location, reg.File, err)
		}
		out = append(out, Place{Ref: to, Mirror: mirror, Foreign: to.Host != r.Host})
		return nil
	}
	for _, m := range reg.Mirrors {
		if m.Pull == DigestOnly && r.Digest == "" || m.Pull == TagOnly && r.Digest != "" {
			continue
		}
		if err := place(m.Location, true); err != nil {
			return nil, err
		}
	}
	if reg.Location == "" {
		return append(out, Place{Ref: r}), nil
	}
	return out, place(reg.Location, false)
}

// find returns the registry with the longest prefix of name, and how many bytes of the name that takes.
func (p Policy) find(name string) (*Registry, int) {
	var best *Registry
	taken := 0
	for i := range p.Registries {
		reg := &p.Registries[i]
		if n := matches(reg.Prefix, name); n > 0 && (best == nil || len(reg.Prefix) > len(best.Prefix)) {
			best, taken = reg, n
		}
	}
	return best, taken
}

// matches says how many bytes of name a prefix takes, 0 for a prefix of another name. It ends where a part of the name does.
func matches(prefix, name string) int {
	n := len(prefix)
	if domain, ok := strings.CutPrefix(prefix, "*"); ok {
		if n = strings.IndexAny(name, ":/"); n < 0 {
			n = len(name)
		}
		if !strings.HasSuffix(name[:n], domain) {
			return 0
		}
		return n
	}
	if !strings.HasPrefix(name, prefix) || n < len(name) && !strings.ContainsRune("/:@", rune(name[n])) {
		return 0
	}
	return n
}

// fullName is host/repository[:tag][@digest], Docker Hub being docker.io.
func fullName(r ref.Reference) string {
	host := r.Host
	if host == ref.HubHost {
		host = ref.HubName
	}
	if r.Repository == "" { // a registry as a whole
		return host
	}
	return host + "/" + r.Repository + suffix(r)
}

func suffix(r ref.Reference) string {
	s := ""
	if r.Tag != "" {
		s = ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// at is r at another name, which echoes what was typed as r does.
func at(r ref.Reference, name string) (ref.Reference, error) {
	parse := ref.Parse
	if r.Repository == "" {
		parse = ref.ParseRegistry
	}
	to, err := parse(ref.Docker + "://" + name)
	to.Typed = r.Typed
	return to, err
}
