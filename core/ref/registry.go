package ref

import (
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// ParseRegistry reads the name of a registry, host[:port] with or without docker:// before it; the reference has no repository.
// Kind input.
func ParseRegistry(s string) (Reference, error) {
	r := Reference{Typed: s, Scheme: Docker, Position: -1}
	r.Host = strings.TrimSuffix(strings.TrimPrefix(s, Docker+"://"), "/")
	switch {
	case r.Host == HubName || r.Host == "index.docker.io":
		r.Host = HubHost
	case strings.Contains(r.Host, "/"):
		return r, errs.New(errs.Input, s, "names a repository, where a registry is wanted").Hinted("write host or host:port")
	case !validHost(r.Host):
		return r, errs.New(errs.Input, s, "is not a registry").Hinted("write host or host:port")
	}
	return r, nil
}
