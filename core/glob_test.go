package core

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

func TestGlobs(t *testing.T) {
	for _, c := range []struct{ pattern, yes, no string }{
		{"/etc/*", "/etc/a /etc/.b /etc/a,b", "/etc /etc/a/b /x/etc/a /etcx"},
		{"etc/*", "/etc/a", "/x/etc/a"},
		{"/etc/**", "/etc /etc/a /etc/a/b", "/etcx /x/etc"},
		{"/**", "/ /a /a/b", ""},
		{"**", "/ /a /a/b", ""},
		{"**/*.so", "/a.so /x/y/a.so", "/a.so.1 /a.so/x"},
		{"*.so", "/a.so /x/y/a.so", "/a.so.1 /a.so/x"},
		{"/a/**/b", "/a/b /a/x/b /a/x/y/b /a/b/b", "/a /b /a/b/c"},
		{"/a/**/**/b", "/a/b /a/x/b", "/a/b/c"},
		{"/a**", "/a /ab /a*", "/a/b"}, // within a component ** is two stars
		{"b", "/b /x/b /b/c /x/b/c/d", "/ab /bc"},
		{"/b/", "/b /b/c", "/x/b /bc"},
		{"/", "/ /a /a/b", ""},
		{"/a/../b/./c", "/b/c /b/c/d", "/a/b/c"},
		{"[a-c]?", "/ab /x/bz", "/a /abc /dz"},
		{"[^a]", "/b /x/c", "/a /bb"},
		{`\*`, "/* /x/*", "/a /**"},
		{"a b", "/a b", "/a"},
		{"\xff*", "/\xffa", "/a"},
	} {
		match, err := globs([]string{c.pattern})
		require.NoError(t, err, c.pattern)
		for _, p := range words(c.yes) {
			require.True(t, match(p), "%q should match %q", c.pattern, p)
		}
		for _, p := range words(c.no) {
			require.False(t, match(p), "%q should not match %q", c.pattern, p)
		}
	}
	match, err := globs([]string{"/a", "b"})
	require.NoError(t, err)
	require.True(t, match("/a") && match("/x/b") && !match("/c"))
}

// words cuts at spaces before a slash, so that a path may have one.
func words(s string) []string {
	var out []string
	for _, w := range strings.Split(s, " /") {
		if w != "" {
			out = append(out, "/"+strings.TrimPrefix(w, "/"))
		}
	}
	if s == "/" || strings.HasPrefix(s, "/ ") {
		out = append(out, "/")
	}
	return out
}

// TestHostileGlobs end soon: backtracking over stars would take for ever.
func TestHostileGlobs(t *testing.T) {
	name := "/" + strings.Repeat("a/", 1000) + strings.Repeat("a", 1000)
	for _, p := range []string{
		strings.Repeat("**/a/", 500) + "b", strings.Repeat("*a", 500) + "b", "**/" + strings.Repeat("a*", 500) + "b", strings.Repeat("**/*/", 500) + "b",
	} {
		match, err := globs([]string{p})
		require.NoError(t, err)
		require.False(t, match(name))
	}
}

// FuzzGlobs holds the matcher against a regular expression made from the same pattern.
func FuzzGlobs(f *testing.F) {
	for _, s := range []string{"/etc/**", "*.so", "**/a/**/b", "a?c", "/a/../b", "x/*/y", "a**b", "/"} {
		f.Add(s, "/etc/a/b")
		f.Add(s, "/x/a.so")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern)+len(name) > 100 {
			return
		}
		name = path.Clean("/" + name)
		match, err := globs([]string{pattern})
		if err != nil {
			require.Equal(t, errs.Input, errs.Of(err))
			return
		}
		got := match(name)
		if strings.ContainsAny(pattern, `[]\\`) || strings.Contains(pattern+name, "\n") || !utf8.ValidString(pattern+name) {
			return // only looked at for panics
		}
		require.Equal(t, expression(pattern).MatchString(strings.TrimSuffix(name, "/")+"/"), got, "%q of %q", name, pattern)
	})
}

// expression matches a path that ends in a slash.
func expression(pattern string) *regexp.Regexp {
	parts := components(path.Clean("/" + pattern))
	if !strings.Contains(pattern, "/") {
		parts = append([]string{"**"}, parts...)
	}
	e := "^/"
	for _, p := range parts {
		if p == "**" {
			e += "(?:[^/]*/)*"
			continue
		}
		p = regexp.QuoteMeta(p)
		p = strings.ReplaceAll(strings.ReplaceAll(p, `\*`, "[^/]*"), `\?`, "[^/]")
		e += p + "/"
	}
	if !strings.ContainsAny(pattern, "*?") {
		e += "(?:.*/)?"
	}
	return regexp.MustCompile("(?s)" + e + "$")
}
