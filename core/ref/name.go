package ref

import (
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Docker Hub is named docker.io and reached at registry-1.docker.io; its official images live under library/.
const (
	HubName = "docker.io"
	HubHost = "registry-1.docker.io"
)

// DefaultTag is what a docker reference without tag and digest means.
const DefaultTag = "latest"

const (
	maxTag        = 128 // distribution-spec, "Pulling manifests": [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
	maxRepository = 255
)

// parseName reads [host[:port]/]repository[:tag][@digest] by the distribution specification's grammar
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests), with Docker's defaults:
// the first component is a host only when it has a dot, a colon, upper case, or is localhost.
func parseName(r *Reference, s string) error {
	bad := func(format string, args ...any) error { return errs.New(errs.Input, r.Typed, format, args...) }
	if i := strings.IndexByte(s, '@'); i >= 0 {
		r.Digest, s = s[i+1:], s[:i]
		if err := oci.CheckDigest(r.Digest); err != nil {
			return errs.Wrap(r.Typed, err)
		}
	}
	first, rest, hasSlash := strings.Cut(s, "/")
	if hasSlash && isHost(first) {
		r.Host, s = first, rest
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		r.Tag, s = s[i+1:], s[:i]
		if !ValidTag(r.Tag) {
			return bad("%q is not a tag", r.Tag)
		}
	}
	r.Repository = s
	switch {
	case r.Host == "" && !strings.Contains(s, "/"):
		r.Host, r.Repository = HubHost, "library/"+s
	case r.Host == "":
		r.Host = HubHost
	case r.Host == HubName || r.Host == "index.docker.io":
		r.Host = HubHost
		if !strings.Contains(s, "/") {
			r.Repository = "library/" + s
		}
	case !validHost(r.Host):
		return bad("%q is not a host", r.Host)
	}
	if s == "" {
		return bad("names no repository")
	}
	if !ValidRepository(r.Repository) {
		return errs.New(errs.Input, r.Typed, "%q is not a repository name", s).
			Hinted("repository names are lower case: letters and digits, separated by one of . _ __ - or /")
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = DefaultTag
	}
	return nil
}

func isHost(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:[") || strings.ToLower(s) != s
}

// validHost accepts a DNS name or address, in brackets for IPv6, with an optional port.
func validHost(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		host, port = s[1:end], s[end+1:]
		if port != "" && port[0] != ':' {
			return false
		}
		port = strings.TrimPrefix(port, ":")
		return host != "" && all(host, "0123456789abcdefABCDEF:.") && all(port, "0123456789")
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
		if port == "" || len(port) > 5 || !all(port, "0123456789") {
			return false
		}
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || !all(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") {
			return false
		}
	}
	return true
}

func all(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}

// ValidTag checks [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func ValidTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	return all(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
}

// ValidRepository checks the repository grammar: components of [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* separated by slashes.
func ValidRepository(s string) bool {
	if s == "" || len(s) > maxRepository {
		return false
	}
	for _, c := range strings.Split(s, "/") {
		if !validComponent(c) {
			return false
		}
	}
	return true
}

func validComponent(c string) bool {
	for i := 0; i < len(c); {
		j := i
		for j < len(c) && alnum(c[j]) {
			j++
		}
		if j == i {
			return false
		}
		if j == len(c) {
			return true
		}
		k := j
		for k < len(c) && !alnum(c[k]) {
			k++
		}
		if sep := c[j:k]; sep != "." && sep != "_" && sep != "__" && strings.Trim(sep, "-") != "" {
			return false
		}
		i = k
	}
	return false
}

func alnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
