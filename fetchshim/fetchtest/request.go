package fetchtest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

func (s *suite) requestIntact() {
	const target = "/echo/a%2Fb/%C3%A4~?q=a%20b&r=%26+c&digest=sha256:ab"
	for _, verb := range []string{"", "GET", "POST", "PUT", "PATCH", "DELETE"} {
		req := &fetchshim.Request{Method: verb, URL: s.s.A + target, Header: fetchshim.Header{
			{Name: "Accept", Value: "application/vnd.oci.image.index.v1+json"},
			{Name: "authorization", Value: "Bearer abc"},
			{Name: "X-Twice", Value: "one"}, {Name: "X-Twice", Value: "two"},
		}}
		want := int64(0)
		if verb == "POST" || verb == "PUT" || verb == "PATCH" {
			want = 1000
			req.Body = fetchshim.Bytes(s.pattern[:want])
			req.Header.Add("Content-Type", "application/octet-stream")
		}
		before := req.Header.Clone()
		e, res := s.echo(req)
		if e.Method != method(req) {
			s.Errorf("method is %q, want %q", e.Method, method(req))
		}
		if e.Target != target {
			s.Errorf("target is %q, want %q", e.Target, target)
		}
		if e.Bytes != want || !e.Intact {
			s.Errorf("%s: %d bytes arrived, want %d; intact: %v", verb, e.Bytes, want, e.Intact)
		}
		if got := e.Values("Accept"); !slices.Equal(got, []string{"application/vnd.oci.image.index.v1+json"}) {
			s.Errorf("Accept is %q", got)
		}
		if got := e.Values("Authorization"); !slices.Equal(got, []string{"Bearer abc"}) {
			s.Errorf("Authorization is %q", got)
		}
		if got := strings.Join(e.Values("X-Twice"), ", "); got != "one, two" {
			s.Errorf("X-Twice is %q", got)
		}
		if res.URL != s.s.A+target {
			s.Errorf("response URL is %q, want %q", res.URL, s.s.A+target)
		}
		if !slices.Equal(before, req.Header) {
			s.Errorf("the Fetcher changed the request's header to %v", req.Header)
		}
	}
}

func (s *suite) emptyBody() {
	e, _ := s.echo(&fetchshim.Request{Method: "POST", URL: s.s.A + "/echo", Body: fetchshim.Bytes(nil)})
	if e.Length != 0 || e.Bytes != 0 {
		s.Errorf("Content-Length is %d with %d bytes, want 0", e.Length, e.Bytes)
	}
}

func (s *suite) statuses() {
	for _, code := range []int{200, 201, 202, 204, 206, 401, 403, 404, 416, 429, 500, 503} {
		res := s.fetch(&fetchshim.Request{URL: s.s.A + "/status?code=" + strconv.Itoa(code)})
		if res.Status != code {
			s.Errorf("status is %d, want %d", res.Status, code)
		}
		if res.Body == nil {
			s.Errorf("status %d has a nil body", code)
		}
	}
}

func (s *suite) repeatedHeaders() {
	res := s.fetch(&fetchshim.Request{URL: s.s.A + "/repeat"})
	for name, want := range map[string][]string{
		"Link":             {`</v2/a>; rel="next"`, `</v2/b>; rel="prev"`},
		"WWW-Authenticate": {`Basic realm="r"`, `Bearer realm="https://auth.example/token",service="s"`},
	} {
		if slices.Contains(s.o.Hides, name) {
			continue
		}
		got := res.Header.Values(name)
		if s.o.Joins {
			got, want = []string{strings.Join(got, ", ")}, []string{strings.Join(want, ", ")}
		}
		if !slices.Equal(got, want) {
			s.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func (s *suite) head() {
	res := s.fetch(&fetchshim.Request{Method: "HEAD", URL: s.s.A + "/sized?bytes=123456"})
	if got := res.Header.Get("Content-Length"); got != "123456" && !slices.Contains(s.o.Hides, "Content-Length") {
		s.Errorf("Content-Length is %q, want 123456", got)
	}
	if n, err := s.pattern.Drain(res.Body, 0, nil); n != 0 || err != nil {
		s.Errorf("HEAD has a body of %d bytes, error %v", n, err)
	}
}

func (s *suite) encoding() {
	const size = 100_000
	res := s.fetch(&fetchshim.Request{URL: fmt.Sprintf("%s/gzip?bytes=%d", s.s.A, size)})
	enc, length := res.Header.Get("Content-Encoding"), res.Header.Get("Content-Length")
	if !s.o.Decodes {
		n, err := io.Copy(io.Discard, res.Body)
		if enc != "gzip" || length != strconv.FormatInt(n, 10) || err != nil {
			s.Errorf("got %d bytes, encoding %q, length %q, error %v: want the encoded bytes", n, enc, length, err)
		}
		return
	}
	n, err := s.pattern.Drain(res.Body, 0, nil)
	if n != size || err != nil {
		s.Errorf("got %d bytes, error %v; want the %d decoded ones", n, err, size)
	}
	if enc != "" || length != "" {
		s.Errorf("decoded body still has Content-Encoding %q and Content-Length %q", enc, length)
	}
}

func (s *suite) concurrent() {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			size := int64(i+1) * 100_000
			res, err := s.f.Fetch(s.ctx, &fetchshim.Request{URL: fmt.Sprintf("%s/sized?bytes=%d", s.s.A, size)})
			if err != nil {
				s.Error(err)
				return
			}
			defer res.Body.Close()
			if n, err := s.pattern.Drain(res.Body, 0, nil); n != size || err != nil {
				s.Errorf("%d bytes of %d, error %v", n, size, err)
			}
		})
	}
	wg.Wait()
}
