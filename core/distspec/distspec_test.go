package distspec

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPath(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for in, want := range map[string]Path{
		"/v2":                                   {Kind: Base},
		"/v2/":                                  {Kind: Base},
		"/v2/_catalog":                          {Kind: Catalog},
		"/v2/a/manifests/latest":                {Manifest, "a", "latest"},
		"/v2/a/b/c/manifests/" + digest:         {Manifest, "a/b/c", digest},
		"/v2/manifests/manifests/manifests":     {Manifest, "manifests", "manifests"},
		"/v2/a/manifests/blobs/blobs/" + digest: {Blob, "a/manifests/blobs", digest},
		"/v2/tags/list/tags/list":               {Tags, "tags/list", ""},
		"/v2/a/tags/manifests/list":             {Manifest, "a/tags", "list"},
		"/v2/a/blobs/uploads/":                  {Upload, "a", ""},
		"/v2/a/blobs/uploads/manifests":         {Upload, "a", "manifests"},
		"/v2/a/blobs/uploads/manifests/v1":      {Manifest, "a/blobs/uploads", "v1"},
		"/v2/blobs/uploads/blobs/uploads/x":     {Upload, "blobs/uploads", "x"},
		"/v2/a/referrers/" + digest:             {Referrers, "a", digest},
		"/v2/a/referrers/referrers/" + digest:   {Referrers, "a/referrers", digest},
		"/v2/a/tags/other":                      {},
		"/v2/manifests/latest":                  {},
		"/v2x/a/manifests/latest":               {},
		"/v1/a/manifests/latest":                {},
		"":                                      {},
	} {
		got := ParsePath(in)
		require.Equal(t, want, got, in)
		if want.Kind != Unknown && in != "/v2" {
			require.Equal(t, in, got.String())
		}
	}
}

func TestErrorText(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for in, want := range map[string]string{
		"": "",
		`{"errors":[{"code":"DENIED","message":"no access"},{"code":"NAME_UNKNOWN"}]}`: "DENIED: no access; NAME_UNKNOWN",
		`{"errors":[{"code":"UNKNOWN","message":"a\u001b[2Jb\nc"}]}`:                   "UNKNOWN: a [2Jb c",
		`{"details":"incorrect username or password"}`:                                 "incorrect username or password",
		`{"error":"invalid_grant"}`:                                                    "invalid_grant",
		"  plain\r\n text\x00 ":                                                        "plain text",
		"<html><body>502</body></html>":                                                "it answered HTML, not the registry API",
	} {
		require.Equal(t, want, ErrorText([]byte(in)), in)
	}
	require.Less(t, len(ErrorText([]byte(long))), 500)
	require.Less(t, len(ErrorText(EncodeErrors(Error{"X", long}))), 500)
	require.Equal(t, "NAME_UNKNOWN: m", ErrorText(EncodeErrors(Error{NameUnknown, "m"})))
}

func TestRange(t *testing.T) {
	for _, c := range []struct {
		header          string
		size            int64
		want            Range
		ok, satisfiable bool
	}{
		{"bytes=0-0", 10, Range{0, 0}, true, true},
		{"bytes=2-", 10, Range{2, 9}, true, true},
		{"bytes=2-99", 10, Range{2, 9}, true, true},
		{"bytes=-3", 10, Range{7, 9}, true, true},
		{"bytes=-99", 10, Range{0, 9}, true, true},
		{"bytes=10-", 10, Range{10, 9}, true, false},
		{"bytes=-0", 10, Range{}, true, false},
		{"bytes=-5", 0, Range{}, true, false},
		{"bytes=0-", 0, Range{0, -1}, true, false},
		{"", 10, Range{}, false, true},
		{"bytes=5-2", 10, Range{}, false, true},
		{"bytes=0-1,3-4", 10, Range{}, false, true},
		{"bytes=+1-2", 10, Range{}, false, true},
		{"bytes=-", 10, Range{}, false, true},
		{"items=0-1", 10, Range{}, false, true},
		{"bytes=99999999999999999999-", 10, Range{}, false, true},
	} {
		r, ok, satisfiable := ParseRange(c.header, c.size)
		require.Equal(t, c.ok, ok, c.header)
		require.Equal(t, c.satisfiable, satisfiable, c.header)
		if ok && satisfiable {
			require.Equal(t, c.want, r, c.header)
		}
	}
	r, size, err := ParseContentRange(Range{2, 4}.ContentRange(9))
	require.NoError(t, err)
	require.Equal(t, Range{2, 4}, r)
	require.EqualValues(t, 9, size)
	_, size, err = ParseContentRange("bytes 0-1/*")
	require.NoError(t, err)
	require.EqualValues(t, -1, size)
	for _, bad := range []string{"", "bytes 0-1", "bytes */9", "bytes 4-2/9", "bytes 0-9/9", "0-1/2", "bytes -1-2/9", Unsatisfied(9)} {
		_, _, err := ParseContentRange(bad)
		require.Error(t, err, bad)
	}
}

func TestNextLink(t *testing.T) {
	const base = "https://r.example/v2/a/tags/list?n=2"
	for in, want := range map[string]string{
		`</v2/a/tags/list?n=2&last=b>; rel="next"`:                        "https://r.example/v2/a/tags/list?n=2&last=b",
		`<?last=b>; rel=next`:                                             "https://r.example/v2/a/tags/list?last=b",
		`<https://other.example/x>; title="a, b; rel=\"prev\""; REL=NEXT`: "https://other.example/x",
		`</p>; rel="prev", </n>; rel="last next"`:                         "https://r.example/n",
		`</p>; rel="prev"; rel="next"`:                                    "",
		`</n> ;rel = "next"`:                                              "https://r.example/n",
		`</n>`:                                                            "",
		`</n; rel="next"`:                                                 "",
		``:                                                                "",
		`junk, </n>; rel=next`:                                            "https://r.example/n",
		`<http://[::1>; rel=next`:                                         "",
	} {
		require.Equal(t, want, NextLink([]string{in}, base), in)
	}
	require.Equal(t, "https://r.example/n", NextLink([]string{`</p>; rel=prev`, `</n>; rel=next`}, base))
}

func TestChallenges(t *testing.T) {
	bearer := Challenge{"bearer", map[string]string{"realm": "https://a.example/t", "service": "s", "scope": "repository:x:pull,push"}}
	for _, c := range []struct {
		in   []string
		want []Challenge
	}{
		{[]string{`Bearer realm="https://a.example/t",service="s",scope="repository:x:pull,push"`}, []Challenge{bearer}},
		{[]string{`BEARER Realm = "https://a.example/t" , SERVICE=s, scope="repository:x:pull,push"`}, []Challenge{bearer}},
		{[]string{`Basic realm="a, \"b\" Bearer realm=c"`}, []Challenge{{"basic", map[string]string{"realm": `a, "b" Bearer realm=c`}}}},
		{[]string{`Negotiate, Basic realm="x", Bearer realm="https://a.example/t",service=s,scope="repository:x:pull,push"`},
			[]Challenge{{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": "x"}}, bearer}},
		{[]string{`Negotiate YWJj==, Basic realm=x`}, []Challenge{{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": "x"}}}},
		{[]string{`Negotiate YWJj, Basic realm=x`}, []Challenge{{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": "x"}}}},
		{[]string{`Negotiate`, `Basic realm=x`}, []Challenge{{"negotiate", map[string]string{}}, {"basic", map[string]string{"realm": "x"}}}},
		{[]string{`Basic realm=first, realm=second`}, []Challenge{{"basic", map[string]string{"realm": "first"}}}},
		{[]string{`Basic realm="unended`}, []Challenge{{"basic", map[string]string{"realm": "unended"}}}},
		{[]string{"", " , ,", `"quoted"`}, nil},
	} {
		require.Equal(t, c.want, ParseChallenges(c.in), "%q", c.in)
	}
}

// TestLongHeaders costs no more than short ones: looking for each word's comma in a header of words is quadratic.
func TestLongHeaders(t *testing.T) {
	for _, part := range []string{"a ", "a,", `a b="`, "a=b,"} {
		h := strings.Repeat(part, 1<<20)
		require.LessOrEqual(t, len(ParseChallenges([]string{h})), maxChallenges, part)
		require.Len(t, ParseChallenges([]string{h, "Basic"})[len(ParseChallenges([]string{h})):], 1, "the next header is read all the same")
		require.Empty(t, NextLink([]string{"<a>;" + h}, "http://r.example/"))
	}
	text := ErrorText(EncodeErrors(slices.Repeat([]Error{{"X", strings.Repeat("long ", 50)}}, 1000)...))
	require.Less(t, len(text), 2000)
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"0": 0, " 17 ": 17 * time.Second, "Thu, 02 Jan 2025 03:05:05 GMT": time.Minute, "Thu, 02 Jan 2020 03:05:05 GMT": 0,
		"99999999999999999": maxRetryAfter, "1.5": 1500 * time.Millisecond, "711.421µs": 711421 * time.Nanosecond, "1m30s": 90 * time.Second,
		"30, 30": 30 * time.Second, "1735787105": time.Minute, "1735787000": 0, "Thu, 02 Jan 2025 04:05:05 +0100": time.Minute,
		"2025-01-02T03:05:05Z": time.Minute, "Thursday, 02-Jan-25 03:05:05 GMT": time.Minute,
	} {
		got, ok := RetryAfter(in, now)
		require.True(t, ok, in)
		require.Equal(t, want, got, in)
	}
	for _, bad := range []string{"", "soon", "-1", "-1s", "NaN", "Inf", "1e999", ","} {
		_, ok := RetryAfter(bad, now)
		require.False(t, ok, bad)
	}
}

func TestRateLimit(t *testing.T) {
	for in, want := range map[string][2]int64{"100;w=21600": {100, 21600}, " 76 ; w=60": {76, 60}, "5": {5, 0}, "5;x=1;w=y": {5, 0}} {
		n, window, ok := ParseRateLimit(in)
		require.True(t, ok, in)
		require.Equal(t, want, [2]int64{n, int64(window / time.Second)}, in)
	}
	for _, bad := range []string{"", "-1;w=60", "many", ";w=60"} {
		_, _, ok := ParseRateLimit(bad)
		require.False(t, ok, bad)
	}
}

func TestUploadRange(t *testing.T) {
	for in, want := range map[string]int64{"0-0": 0, "0-99": 100, " bytes=0-99": 100} {
		got, ok := ParseUploadRange(in)
		require.True(t, ok, in)
		require.Equal(t, want, got, in)
	}
	for _, bad := range []string{"", "0", "1-99", "-99", "0-x", "0--1", "0-9223372036854775807"} {
		_, ok := ParseUploadRange(bad)
		require.False(t, ok, bad)
	}
	require.Equal(t, "0-0", UploadRange(0))
	require.Equal(t, "0-99", UploadRange(100))
}
