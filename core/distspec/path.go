// Package distspec is the distribution API as values that client and server share: paths, error bodies, ranges, links and
// challenges (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
package distspec

import (
	"net/url"
	"strings"
)

// Kind is which endpoint of the API a path names.
type Kind int

// The endpoints, by what stands in their path.
const (
	Unknown   Kind = iota
	Base           // /v2/
	Manifest       // /v2/NAME/manifests/REFERENCE
	Blob           // /v2/NAME/blobs/DIGEST
	Tags           // /v2/NAME/tags/list
	Referrers      // /v2/NAME/referrers/DIGEST
	Upload         // /v2/NAME/blobs/uploads/[SESSION]
	Catalog        // /v2/_catalog
)

// Path is a parsed path. Ref is the tag, digest or upload session.
type Path struct {
	Kind Kind
	Name string // repository
	Ref  string
}

// ParsePath reads an unescaped path. It looks from the right, since a repository may have a component that is called
// manifests, blobs or tags. Grammar of names and references is not checked here.
func ParsePath(p string) Path {
	rest, ok := strings.CutPrefix(p, "/v2")
	if !ok || (rest != "" && rest[0] != '/') {
		return Path{}
	}
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	n := len(parts)
	switch {
	case rest == "" || rest == "/":
		return Path{Kind: Base}
	case rest == "/_catalog":
		return Path{Kind: Catalog}
	case n >= 4 && parts[n-3] == "blobs" && parts[n-2] == "uploads":
		return Path{Upload, strings.Join(parts[:n-3], "/"), parts[n-1]}
	case n < 3:
		return Path{}
	}
	name, ref := strings.Join(parts[:n-2], "/"), parts[n-1]
	switch parts[n-2] {
	case "manifests":
		return Path{Manifest, name, ref}
	case "blobs":
		return Path{Blob, name, ref}
	case "referrers":
		return Path{Referrers, name, ref}
	case "tags":
		if ref == "list" {
			return Path{Kind: Tags, Name: name}
		}
	}
	return Path{}
}

// String is the path, escaped for a URL.
func (p Path) String() string {
	name := "/v2/" + p.Name
	ref := url.PathEscape(p.Ref)
	switch p.Kind {
	case Base:
		return "/v2/"
	case Catalog:
		return "/v2/_catalog"
	case Manifest:
		return name + "/manifests/" + ref
	case Blob:
		return name + "/blobs/" + ref
	case Referrers:
		return name + "/referrers/" + ref
	case Tags:
		return name + "/tags/list"
	case Upload:
		return name + "/blobs/uploads/" + ref
	}
	return ""
}
