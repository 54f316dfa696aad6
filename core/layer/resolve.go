package layer

import (
	"cmp"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// maxLinks is how many symbolic links one path may pass, as Linux has it.
const maxLinks = 40

// rule says what resolve does on its way.
type rule struct {
	// make returns a directory in the place of a component that is missing (k is nil) or no directory; without it those
	// end the way.
	make func(parent *node, name string, k *node) *node
	// follow says whether the symbolic link at that path is followed; without it all are.
	follow func(link string) bool
}

// resolve walks from the root along p, following symbolic links inside the root: ".." above it stays in it, an absolute
// link starts at it. It returns the nodes on the way, the root first; the slice is valid until the next call. Kinds:
// not_found, input (a link loop).
func (v *View) resolve(p string, r rule) ([]*node, error) {
	stack, links := append(v.stack[:0], v.root), 0
	for rest := p; rest != ""; {
		var first string
		first, rest, _ = strings.Cut(rest, "/")
		top := stack[len(stack)-1]
		if first == "" {
			continue
		}
		if r.make == nil && top.ino.Type != Dir {
			return nil, errs.New(errs.NotFound, p, "%s is a %s in the image, not a directory", pathOf(stack), top.ino.Type)
		}
		if first == "." {
			continue
		}
		if first == ".." {
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		k := top.child(first)
		if k != nil && k.ino.Type == Symlink {
			links++
			v.hops += len(stack) + strings.Count(k.ino.Link, "/") + 1
			switch {
			case links > maxLinks:
				return nil, errs.New(errs.Input, p, "has too many levels of symbolic links, more than %d", maxLinks)
			case v.hops > maxHops:
				return nil, errs.New(errs.Input, p, "the image's symbolic links lead through more than %d folders in all", maxHops)
			}
			if r.follow != nil && !r.follow(strings.TrimPrefix(pathOf(stack)+"/"+first, "/")) {
				return nil, errs.New(errs.NotFound, p, "the link is not followed")
			}
			if strings.HasPrefix(k.ino.Link, "/") {
				stack = stack[:1]
			}
			rest = k.ino.Link + "/" + rest
			continue
		}
		if r.make != nil && (k == nil || k.ino.Type != Dir) {
			k = r.make(top, first, k)
		}
		if k == nil {
			missing := ""
			if at := pathOf(stack) + "/" + first; strings.Trim(at, "/") != strings.Trim(p, "/") {
				missing = ", which has no " + at
			}
			return nil, errs.New(errs.NotFound, p, "no such file in the image%s", missing)
		}
		stack = append(stack, k)
		v.stack = stack
	}
	return stack, nil
}

// pathOf is the absolute path of the last node, "" for the root.
func pathOf(stack []*node) string {
	var b strings.Builder
	for _, n := range stack[1:] {
		b.WriteString("/" + n.name)
	}
	return b.String()
}

// Lookup resolves a path of the image, following symbolic links inside it. It returns the inode and the path it was found
// at, absolute. Kinds: not_found, input (a link loop).
func (v *View) Lookup(p string) (*Inode, string, error) {
	stack, err := v.resolve(p, rule{})
	if err != nil {
		return nil, "", err
	}
	return stack[len(stack)-1].ino, cmp.Or(pathOf(stack), "/"), nil
}
