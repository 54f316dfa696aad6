package core

import (
	"path"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// globs makes a matcher of patterns; none matches everything. The syntax of a component is path.Match's, and ** stands
// for any number of components.
func globs(patterns []string) (func(string) bool, error) {
	if len(patterns) == 0 {
		return func(string) bool { return true }, nil
	}
	var split [][]string
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			return nil, errs.New(errs.Input, p, "is not a glob pattern")
		}
		if !strings.Contains(p, "/") {
			split = append(split, []string{"**", p})
			continue
		}
		split = append(split, strings.Split(strings.Trim(path.Clean("/"+p), "/"), "/"))
	}
	return func(name string) bool {
		parts := strings.Split(strings.Trim(name, "/"), "/")
		for _, s := range split {
			if matchParts(s, parts) {
				return true
			}
		}
		return false
	}, nil
}

// matchParts says whether the pattern matches the path or a folder above it. It is linear in the number of ** times the
// length of the path: after a failure only the last ** is tried further.
func matchParts(pattern, parts []string) bool {
	p, n := 0, 0
	star, from := -1, 0
	for n < len(parts) {
		switch {
		case p == len(pattern):
			return true // the rest lies under a folder that matched
		case pattern[p] == "**":
			star, from = p, n
			p++
			continue
		}
		if ok, _ := path.Match(pattern[p], parts[n]); ok {
			p, n = p+1, n+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}
