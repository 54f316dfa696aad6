package layout

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// containerdName is the annotation in which ctr and docker buildx put the whole reference name, beside a plain tag in
// org.opencontainers.image.ref.name (containerd, core/images/annotations.go).
const containerdName = "io.containerd.image.name"

// names are what an entry is called: the tag (podman writes a whole reference name there), then containerd's name.
func names(e v1.Descriptor) []string {
	var out []string
	for _, key := range []string{v1.AnnotationRefName, containerdName} {
		if n := e.Annotations[key]; n != "" {
			out = append(out, n)
		}
	}
	return out
}

// tags are the first names of the entries, each once.
func tags(entries []v1.Descriptor) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range entries {
		if n := names(e); len(n) > 0 && !seen[n[0]] {
			seen[n[0]] = true
			out = append(out, n[0])
		}
	}
	return out
}

// pick finds the entry for a tag, or for "" the only one, the only one with a tag, or the one tagged latest. Exact names come
// first, then whole reference names that end in the tag. Several entries with one digest are one image.
func pick(entries []v1.Descriptor, tag, subject string) (v1.Descriptor, error) {
	if len(entries) == 0 {
		return v1.Descriptor{}, errs.New(errs.NotFound, subject, "is a layout without images")
	}
	if tag == "" {
		return pickOnly(entries, subject)
	}
	exact := func(n string) bool { return n == tag }
	ending := func(n string) bool { return strings.HasSuffix(n, ":"+tag) }
	for _, match := range []func(string) bool{exact, ending} {
		switch found := named(entries, match); len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return v1.Descriptor{}, errs.New(errs.Input, subject, "has %d images for the tag %q", len(found), tag).
				Hinted("give a digest: %s", describe(found))
		}
	}
	return v1.Descriptor{}, errs.New(errs.NotFound, subject, "has no tag %q", tag).Hinted("it has %s", describe(entries))
}

func pickOnly(entries []v1.Descriptor, subject string) (v1.Descriptor, error) {
	all := named(entries, nil)
	for _, some := range [][]v1.Descriptor{
		all,
		named(entries, func(string) bool { return true }), // oras lists the children of a tagged index beside it, without tags
		named(entries, func(n string) bool { return n == ref.DefaultTag || strings.HasSuffix(n, ":"+ref.DefaultTag) }),
	} {
		if len(some) == 1 {
			return some[0], nil
		}
	}
	return v1.Descriptor{}, errs.New(errs.Input, subject, "has %d images and none of them is meant without a tag or digest", len(all)).
		Hinted("it has %s", describe(entries))
}

// named are the entries with a name that matches, one of each digest; a nil match takes all.
func named(entries []v1.Descriptor, match func(string) bool) []v1.Descriptor {
	var out []v1.Descriptor
	seen := map[digest.Digest]bool{}
	for _, e := range entries {
		if !seen[e.Digest] && (match == nil || slices.ContainsFunc(names(e), match)) {
			seen[e.Digest] = true
			out = append(out, e)
		}
	}
	return out
}

const maxDescribed = 20 // entries in a hint

// describe lists entries for a hint: tags, for what has none the digest and platform.
func describe(entries []v1.Descriptor) string {
	var out []string
	for i, e := range entries {
		if i == maxDescribed {
			out = append(out, "…")
			break
		}
		if n := names(e); len(n) > 0 {
			out = append(out, ":"+n[0])
			continue
		}
		s := "@" + e.Digest.String()
		if p := oci.FormatPlatform(e.Platform); p != "" {
			s += " (" + p + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
