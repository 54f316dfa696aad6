package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// tagsOf reads at most limit tags, 0 for all.
func tagsOf(t *testing.T, r *rig, last string, limit int) ([]string, error) {
	t.Helper()
	lister, ok := content.As[content.TagLister](r.Source)
	require.True(t, ok)
	var out []string
	for tag, err := range lister.Tags(t.Context(), last) {
		if err != nil {
			return out, err
		}
		if out = append(out, tag); len(out) == limit {
			return out, nil
		}
	}
	return out, nil
}

func tagPage(tags ...string) string {
	b, _ := json.Marshal(map[string]any{"name": "a", "tags": tags})
	return string(b)
}

func link(target string) string { return "Link: <" + target + `>; rel="next"` }

func TestTagsArePagedLazily(t *testing.T) {
	pages := script(
		says(200, tagPage("a", "b"), link("/v2/a/tags/list?n=2&last=b")),
		says(200, tagPage(), link("?last=b2")), // an empty page does not end the list
		says(200, tagPage("c"), link("http://r.example/v2/a/tags/list?last=c")),
		says(200, `{"name":"a","tags":null}`),
	)
	r := newRig(t, "r.example/a", pages, nil)
	got, err := tagsOf(t, r, "", 0)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, got)
	require.Equal(t, []string{
		"GET https://r.example/v2/a/tags/list?n=1000", "GET https://r.example/v2/a/tags/list?n=2&last=b",
		"GET https://r.example/v2/a/tags/list?last=b2",
		"GET https://r.example/v2/a/tags/list?last=c", // by TLS, whatever the link says
	}, r.sent())

	got, err = tagsOf(t, newRig(t, "r.example/a", always(200, tagPage("b", "c"), link("?last=c")), nil), "a", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c"}, got)
	r = newRig(t, "r.example/a", always(200, tagPage("b", "c"), link("?last=c")), nil)
	_, err = tagsOf(t, r, "a&b", 1)
	require.NoError(t, err)
	require.Equal(t, []string{"GET https://r.example/v2/a/tags/list?last=a%26b&n=1000"}, r.sent(), "a page that is not needed is not asked for")
}

func TestTagListsThatDoNotEnd(t *testing.T) {
	counted := func(page func(n int) (string, string)) fetchshim.Func {
		n := 0
		return func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
			n++
			body, next := page(n)
			return answer(200, body, link(next)), nil
		}
	}
	for name, c := range map[string]struct {
		f        fetchshim.Func
		says     string
		requests int
	}{
		"to itself":      {always(200, tagPage("a"), link("/v2/a/tags/list?n=1000")), "links to one that was read before", 1},
		"in a circle":    {counted(func(n int) (string, string) { return tagPage(fmt.Sprint("t", n)), fmt.Sprint("?p=", n%3) }), "links to one that was read before", 4},
		"the same again": {counted(func(n int) (string, string) { return tagPage("a", "b"), fmt.Sprint("?p=", n) }), "a page repeats the one before", 2},
		"empty":          {counted(func(n int) (string, string) { return tagPage(), fmt.Sprint("?p=", n) }), "its pages are empty", 16},
		"always new":     {counted(func(n int) (string, string) { return tagPage(fmt.Sprint("t", n)), fmt.Sprint("?p=", n) }), "more than 10000 pages", 10_000},
		"large pages": {counted(func(n int) (string, string) {
			return tagPage(fmt.Sprint("t", n)) + strings.Repeat(" ", 7<<20), fmt.Sprint("?p=", n)
		}), "more than 256 MiB", 37},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a", c.f, nil)
			_, err := tagsOf(t, r, "", 0)
			requireKind(t, errs.Input, err, "r.example/a: ", c.says)
			require.Len(t, r.requests, c.requests)
		})
	}
}

func TestTagListsThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		f    fetchshim.Func
		kind errs.Kind
		says string
	}{
		"HTML":          {always(200, "<html>hi", "Content-Type: text/html"), errs.Unsupported, "is r.example a registry?"},
		"HTML unsaid":   {always(200, "\n<!doctype html>"), errs.Unsupported, "is r.example a registry?"},
		"no JSON":       {always(200, "tags"), errs.Input, "malformed"},
		"cut off":       {always(200, `{"tags":["a",`), errs.Input, "malformed"},
		"more behind":   {always(200, `{"tags":[]} {}`), errs.Input, "malformed"},
		"a list":        {always(200, `["a"]`), errs.Input, "malformed"},
		"other types":   {always(200, `{"tags":[1]}`), errs.Input, "malformed"},
		"not a list":    {always(200, `{"tags":{"a":"b"}}`), errs.Input, "malformed"},
		"no tag":        {always(200, tagPage("a", "../../etc")), errs.Input, `"../../etc", which is not a tag`},
		"control codes": {always(200, tagPage("\x1b[2J")), errs.Input, `"\x1b[2J", which is not a tag`},
		"elsewhere":     {always(200, tagPage("a"), link("https://evil.example/v2/a/tags/list")), errs.Input, `another host, "https://evil.example/`},
		"100 MiB":       {always(200, tagPage(strings.Repeat("x", 100<<20))), errs.Input, "is larger than the 8388608 bytes"},
		"says 100 MiB":  {always(200, tagPage("a"), "Content-Length: 104857600"), errs.Input, "announced with 104857600 bytes"},
		"404":           {always(404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`), errs.NotFound, "not found: NAME_UNKNOWN"},
		"405":           {always(405, ""), errs.Unsupported, "405"},
		"403":           {always(403, ""), errs.Denied, "denied"},
		"500":           {always(500, "<html>", "Content-Type: text/html"), errs.Network, "is r.example a registry?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tagsOf(t, newRig(t, "r.example/a", c.f, nil), "", 0)
			requireKind(t, c.kind, err, "r.example/a: ", c.says)
		})
	}
}

// TestALargeTagPageIsNotMultiplied: a page of the largest size with the shortest tags.
func TestALargeTagPageIsNotMultiplied(t *testing.T) {
	page := `{"tags":[` + strings.Repeat(`"a",`, 2<<20-16) + `"z"]}`
	lister, _ := content.As[content.TagLister](newRig(t, "r.example/a", always(200, page), nil).Source)
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most, n := m.HeapAlloc, uint64(0), 0
	for _, err := range lister.Tags(t.Context(), "") {
		require.NoError(t, err)
		if n++; n%(1<<19) == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	require.Equal(t, 2<<20-15, n)
	require.Less(t, int64(most)-int64(before), int64(20<<20))
}

// TestALargeListOfReferrersIsNotMultiplied: two million empty objects.
func TestALargeListOfReferrersIsNotMultiplied(t *testing.T) {
	page := `{"manifests":[` + strings.Repeat(`{},`, 2<<20) + `{}]}`
	lister, ok := content.As[content.ReferrerLister](newRig(t, "r.example/a", always(200, page), nil).Source)
	require.True(t, ok)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, err := range lister.Referrers(t.Context(), sum) {
		requireKind(t, errs.Input, err, "more than 262144 values")
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(80<<20))
}

func TestTagQueryIsEscaped(t *testing.T) {
	r := newRig(t, "r.example/a", always(200, tagPage()), nil)
	_, err := tagsOf(t, r, "x?y#z%", 0)
	require.NoError(t, err)
	u, err := url.Parse(r.requests[0].URL)
	require.NoError(t, err)
	require.Equal(t, "x?y#z%", u.Query().Get("last"))
}
