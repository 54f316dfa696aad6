package core

import (
	"path"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// glob is one pattern, cut at its slashes; none for the root.
type glob struct {
	parts []string
	// literal patterns have no wildcards: one that names a folder stands for what is in it, too.
	literal bool
}

// globs makes a matcher of patterns for absolute paths; no pattern matches everything. The syntax of a component is
// [path.Match]'s, and ** stands for any number of components. A pattern without a slash matches base names.
func globs(patterns []string) (func(string) bool, error) {
	if len(patterns) == 0 {
		return func(string) bool { return true }, nil
	}
	list := make([]glob, 0, len(patterns))
	for _, p := range patterns {
		g := glob{components(path.Clean("/" + p)), !strings.ContainsAny(p, `*?[\`)}
		for _, c := range g.parts {
			if _, err := path.Match(c, ""); err != nil {
				return nil, errs.New(errs.Input, p, "is not a glob pattern")
			}
		}
		if p == "" {
			return nil, errs.New(errs.Input, "", "the glob pattern is empty")
		}
		if !strings.Contains(p, "/") {
			g.parts = slices.Insert(g.parts, 0, "**")
		}
		list = append(list, g)
	}
	return func(name string) bool {
		parts := components(name)
		return slices.ContainsFunc(list, func(g glob) bool { return g.match(parts) })
	}, nil
}

func components(p string) []string {
	if p = strings.Trim(p, "/"); p == "" {
		return nil
	}
	return strings.Split(p, "/")
}

// match needs no more than (components of the pattern) times (components of the path) comparisons: after a failure only
// the last ** takes one component more.
func (g glob) match(parts []string) bool {
	p, n := 0, 0
	star, from := -1, 0
	for n < len(parts) {
		if p == len(g.parts) && g.literal {
			return true // the rest lies in a folder that was named
		}
		if p < len(g.parts) && g.parts[p] == "**" {
			star, from = p, n
			p++
			continue
		}
		if p < len(g.parts) {
			if ok, _ := path.Match(g.parts[p], parts[n]); ok {
				p, n = p+1, n+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	for p < len(g.parts) && g.parts[p] == "**" {
		p++
	}
	return p == len(g.parts)
}
