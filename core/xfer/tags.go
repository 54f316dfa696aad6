package xfer

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Selection says which tags of a repository are meant; the zero value means all of them. Every rule that is given has to hold.
type Selection struct {
	Include []string `json:"include,omitempty" help:"globs, of which one has to match"`
	Exclude []string `json:"exclude,omitempty" help:"globs, of which none may match"`
	Match   string   `json:"match,omitempty" help:"regular expression that has to match the whole tag"`
	NoMatch string   `json:"noMatch,omitempty" help:"regular expression that must not match the whole tag"`
	Semver  string   `json:"semver,omitempty" help:"range of versions, as >=1.2 <2 or ~1.4; tags that are no version are left out, and pre-releases unless the range names one"`
	Newest  int      `json:"newest,omitempty" help:"only so many of the highest versions, tags that are no version coming last"`
}

// Tags chooses from tags, in the order that they have. Kind input for a rule that cannot be read.
func (s Selection) Tags(tags []string) ([]string, error) {
	keep, err := s.compile()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range tags {
		if keep(t) {
			out = append(out, t)
		}
	}
	if s.Newest <= 0 || len(out) <= s.Newest {
		return out, nil
	}
	best := slices.Clone(out)
	slices.SortStableFunc(best, newestFirst)
	best = best[:s.Newest]
	return slices.DeleteFunc(out, func(t string) bool { return !slices.Contains(best, t) }), nil
}

// Check finds out whether the rules can be read.
func (s Selection) Check() error {
	_, err := s.compile()
	return err
}

func (s Selection) compile() (func(string) bool, error) {
	for _, g := range slices.Concat(s.Include, s.Exclude) {
		if _, err := path.Match(g, ""); err != nil {
			return nil, errs.New(errs.Input, g, "is not a glob pattern")
		}
	}
	var rules []func(string) bool
	if len(s.Include) > 0 {
		rules = append(rules, func(t string) bool { return anyGlob(s.Include, t) })
	}
	if len(s.Exclude) > 0 {
		rules = append(rules, func(t string) bool { return !anyGlob(s.Exclude, t) })
	}
	for _, rule := range []struct {
		expr string
		want bool
	}{{s.Match, true}, {s.NoMatch, false}} {
		if rule.expr == "" {
			continue
		}
		re, err := whole(rule.expr)
		if err != nil {
			return nil, err
		}
		rules = append(rules, func(t string) bool { return re.MatchString(t) == rule.want })
	}
	if s.Semver != "" {
		c, err := semver.NewConstraint(s.Semver)
		if err != nil {
			return nil, errs.New(errs.Input, s.Semver, "is not a range of versions: %v", err)
		}
		rules = append(rules, func(t string) bool {
			v, err := semver.NewVersion(t)
			return err == nil && c.Check(v)
		})
	}
	if s.Newest < 0 {
		return nil, errs.New(errs.Input, "newest", "%d is negative", s.Newest)
	}
	return func(t string) bool {
		return !slices.ContainsFunc(rules, func(holds func(string) bool) bool { return !holds(t) })
	}, nil
}

// whole matches all of a tag.
func whole(expr string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return nil, errs.New(errs.Input, expr, "is not a regular expression: %v", err)
	}
	return re, nil
}

func anyGlob(globs []string, tag string) bool {
	return slices.ContainsFunc(globs, func(g string) bool {
		ok, err := path.Match(g, tag)
		return ok && err == nil
	})
}

// newestFirst orders by version, tags that are none by their bytes after all others.
func newestFirst(a, b string) int {
	va, errA := semver.NewVersion(a)
	vb, errB := semver.NewVersion(b)
	switch {
	case errA != nil && errB != nil:
		return strings.Compare(b, a)
	case errA != nil:
		return 1
	case errB != nil:
		return -1
	}
	return vb.Compare(va)
}

// Rename is a rule for what a tag is called at the destination.
type Rename struct {
	Match   string `json:"match" help:"regular expression that has to match the whole tag"`
	Replace string `json:"replace" help:"the new tag, $1 being the first group"`
}

// RenameTag applies the first rule that matches. Kind input for a rule that cannot be read.
func RenameTag(rules []Rename, tag string) (string, error) {
	for _, r := range rules {
		re, err := whole(r.Match)
		if err != nil {
			return "", err
		}
		if re.MatchString(tag) {
			return re.ReplaceAllString(tag, r.Replace), nil
		}
	}
	return tag, nil
}
