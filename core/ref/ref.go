// Package ref is the grammar of references: docker://host/repository[:tag][@digest], and scheme:path[:tag][@digest] for
// everything on a file system; docker-archive and static have a whole name where the others have a tag.
package ref

import (
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// The schemes.
const (
	Docker        = "docker"
	OCI           = "oci"
	OCIArchive    = "oci-archive"
	DockerArchive = "docker-archive"
	Dir           = "dir"
	Static        = "static"
	Mem           = "mem"
)

// Reference names an image on an endpoint.
type Reference struct {
	Typed  string // as it was given; this is what output and errors echo
	Scheme string
	// Host is set for docker only, as the API is reached: docker.io is registry-1.docker.io there.
	Host string
	// Repository is set for docker, and for static where one is named.
	Repository string
	// Path is set for every other scheme, as typed: relative, absolute, or with a drive letter; "-" is standard input.
	Path   string
	Tag    string // docker, static: a tag; oci: the annotation org.opencontainers.image.ref.name; docker-archive: name[:tag]
	Digest string // wins over Tag
	// Position is the place of an image in an archive, counted from 0 (docker-archive:path:@1), or -1.
	Position int
}

// String returns what was typed.
func (r Reference) String() string { return r.Typed }

// Ident is what [content.Source.Manifest] takes: the digest, else the tag, else "".
func (r Reference) Ident() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}

// Parse reads a reference. A bare name, as in "alpine:3.20", means docker://. Errors are of kind input, with the reference
// as subject.
func Parse(s string) (Reference, error) {
	r := Reference{Typed: s, Position: -1}
	if s == "" {
		return r, errs.New(errs.Input, "", "the reference is empty").Hinted("for example alpine:3.20 or oci:./layout:latest")
	}
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case ok && scheme == Docker:
		if !strings.HasPrefix(rest, "//") {
			return r, errs.New(errs.Input, s, "docker references are written docker://name")
		}
		r.Scheme = Docker
		return r, parseName(&r, rest[2:])
	case ok && fileScheme(scheme):
		r.Scheme = scheme
		return r, parsePath(&r, rest)
	case ok && (scheme == "docker-daemon" || scheme == "containers-storage"): // skopeo's
		return r, errs.New(errs.Input, s, "%s is a transport that needs what runs containers, and is not known here", scheme).
			Hinted("go through an archive: docker save NAME | stevedore copy docker-archive:- …, stevedore copy … docker-archive:- | docker load")
	}
	if ok && strings.HasPrefix(rest, "//") {
		return r, errs.New(errs.Input, s, "has the unknown transport %q", scheme).
			Hinted("known are docker://, oci:, oci-archive:, docker-archive:, dir:, static: and mem:")
	}
	r.Scheme = Docker
	return r, parseName(&r, s)
}

func fileScheme(s string) bool {
	switch s {
	case OCI, OCIArchive, DockerArchive, Dir, Static, Mem:
		return true
	}
	return false
}

// parsePath reads path[:tag][@digest].
func parsePath(r *Reference, s string) error {
	if at := strings.LastIndex(s, "@"); at >= 0 && strings.Contains(s[at:], ":") && !strings.ContainsAny(s[at:], `/\`) {
		r.Digest, s = s[at+1:], s[:at]
		if err := oci.CheckDigest(r.Digest); err != nil {
			return errs.Wrap(r.Typed, err)
		}
	}
	switch r.Scheme {
	case Dir:
		r.Path = s
	case Static:
		r.Path, r.Tag = cutTag(s)
		if err := parseStatic(r); err != nil {
			return err
		}
	default:
		r.Path, r.Tag = cutTag(s)
	}
	if r.Path == "" {
		return errs.New(errs.Input, r.Typed, "names no path")
	}
	if strings.ContainsRune(s, 0) {
		return errs.New(errs.Input, r.Typed, "has a NUL in its path")
	}
	if r.Scheme == DockerArchive && strings.HasPrefix(r.Tag, "@") {
		return parsePosition(r)
	}
	return nil
}

// cutTag splits at the first colon that is not a drive letter's, as other tools do: what follows may be a whole name with a
// tag of its own, host/repository:tag.
func cutTag(s string) (path, tag string) {
	from := 0
	if len(s) > 2 && isLetter(s[0]) && s[1] == ':' && (s[2] == '\\' || s[2] == '/') {
		from = 2
	}
	if i := strings.IndexByte(s[from:], ':'); i >= 0 {
		return s[:from+i], s[from+i+1:]
	}
	return s, ""
}

// parseStatic splits name[:tag], which is a repository as docker:// has it; its tag is latest where neither tag nor digest is given.
func parseStatic(r *Reference) error {
	if r.Tag == "" {
		return nil
	}
	r.Repository, r.Tag, _ = strings.Cut(r.Tag, ":")
	switch {
	case !ValidRepository(r.Repository):
		return errs.New(errs.Input, r.Typed, "%q is not a repository name", r.Repository).
			Hinted("write static:PATH:NAME:TAG, for example static:./public:team/app:v1")
	case r.Tag == "" && r.Digest == "":
		r.Tag = DefaultTag
	case r.Tag != "" && !ValidTag(r.Tag):
		return errs.New(errs.Input, r.Typed, "%q is not a tag", r.Tag)
	}
	return nil
}

func parsePosition(r *Reference) error {
	n := 0
	digits := r.Tag[1:]
	if digits == "" || len(digits) > 6 {
		return errs.New(errs.Input, r.Typed, "%q is not a position in an archive", r.Tag)
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return errs.New(errs.Input, r.Typed, "%q is not a position in an archive", r.Tag)
		}
		n = n*10 + int(c-'0')
	}
	r.Position = n
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// SameEndpoint says whether two references lead to one repository, layout, archive or folder.
func (r Reference) SameEndpoint(o Reference) bool {
	return r.Scheme == o.Scheme && r.Host == o.Host && r.Repository == o.Repository && r.Path == o.Path
}
