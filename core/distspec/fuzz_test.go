package distspec

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
)

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/v2/", "/v2/a/manifests/latest", "/v2/a/blobs/uploads/x", "/v2/manifests/blobs/tags/list", "/v2/a/blobs/a:b", "/v2//", "/v2/a b/manifests/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := ParsePath(s)
		if p.Kind == Unknown {
			return
		}
		if again := ParsePath(unescape(t, p.String())); again != p {
			t.Errorf("%q is %+v, which writes itself as %q, which is %+v", s, p, p.String(), again)
		}
	})
}

// unescape undoes what String escapes; the repository is written as it is, since its grammar needs no escapes.
func unescape(t *testing.T, s string) string {
	t.Helper()
	i := strings.LastIndexByte(s, '/')
	last, err := url.PathUnescape(s[i+1:])
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return s[:i+1] + last
}

func FuzzErrorBody(f *testing.F) {
	for _, s := range []string{`{"errors":[{"code":"A","message":"b"}]}`, `{"errors":[{"code":1}]}`, `{"details":"x"}`, "<html>", "\x1b[2J", "\xff\xfe", `{"errors":[{}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := ErrorText(b)
		if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q has what could drive a terminal", s)
		}
		if len(s) > 4<<10 && len(b) < 4<<10 {
			t.Errorf("%d bytes became %d", len(b), len(s))
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=5-", "bytes=-5", "bytes=0-0,2-3", "bytes 0-1/2", "bytes */5", "bytes=9223372036854775807-"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, h string, size int64) {
		size &= 1<<62 - 1
		r, ok, satisfiable := ParseRange(h, size)
		if ok && satisfiable && (r.Start < 0 || r.End < r.Start || r.End >= size) {
			t.Errorf("%q of %d bytes is %+v", h, size, r)
		}
		r, total, err := ParseContentRange(h)
		if err == nil && (r.Start < 0 || r.End < r.Start || total >= 0 && r.End >= total) {
			t.Errorf("%q is %+v of %d", h, r, total)
		}
	})
}

func FuzzLink(f *testing.F) {
	for _, s := range []string{`</a>; rel="next"`, `<a>;rel=prev,<b>;rel=next`, `<a>; title="x, <b>; rel=next"`, `<`, `<>;`, `;;,,`, `<http://[::1>; rel=next`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		next := NextLink([]string{h}, "https://r.example/v2/a/tags/list")
		if next == "" {
			return
		}
		if _, err := url.Parse(next); err != nil {
			t.Errorf("%q leads to %q: %v", h, next, err)
		}
	})
}

func FuzzChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://a/t",service="s",scope="a:b:pull,push"`, `Basic realm="a\"b", Negotiate abc==`, `a=b`, `,,`, `Basic realm=`, `X "`, `Bearer  `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		for _, c := range ParseChallenges([]string{h}) {
			if c.Scheme == "" || c.Scheme != strings.ToLower(c.Scheme) || c.Params == nil {
				t.Errorf("%q has the challenge %+v", h, c)
			}
			for name := range c.Params {
				if name == "" {
					t.Errorf("%q has a parameter without a name", h)
				}
			}
		}
		// A challenge is found wherever other headers stand.
		all := ParseChallenges([]string{h, `Bearer realm="r"`})
		if n := len(all); n == 0 || all[n-1].Scheme != "bearer" || all[n-1].Params["realm"] != "r" {
			t.Errorf("%q hides the challenge in the next header", h)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"30", "1.5", "711.421µs", "30, 30", "1764000000", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e400", "NaN", "100;w=21600", "5;w=99999999999999999999"} {
		f.Add(s, int64(1_764_000_000))
	}
	f.Fuzz(func(t *testing.T, h string, now int64) {
		if wait, ok := RetryAfter(h, time.Unix(now, 0)); wait < 0 || wait > maxRetryAfter || !ok && wait != 0 {
			t.Errorf("%q waits %v", h, wait)
		}
		if n, window, ok := ParseRateLimit(h); n < 0 || window < 0 || window > maxRetryAfter || !ok && n != 0 {
			t.Errorf("%q is %d in %v", h, n, window)
		}
	})
}
