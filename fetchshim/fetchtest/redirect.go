package fetchtest

import (
	"fmt"
	"net/url"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// redirect is the URL on origin A that redirects to a URL.
func (s *suite) redirect(status int, to string) string {
	return fmt.Sprintf("%s/redirect?status=%d&to=%s", s.s.A, status, url.QueryEscape(to))
}

func credentials() fetchshim.Header {
	return fetchshim.Header{
		{Name: "Authorization", Value: "Bearer secret"},
		{Name: "Cookie", Value: "session=secret"},
		{Name: "Proxy-Authorization", Value: "Basic secret"},
		{Name: "X-Kept", Value: "yes"},
	}
}

func (s *suite) sameOrigin() {
	for _, to := range []string{s.s.A + "/echo", "/echo"} {
		e, res := s.echo(&fetchshim.Request{URL: s.redirect(307, to), Header: credentials()})
		if got := e.Values("Authorization"); len(got) != 1 || got[0] != "Bearer secret" {
			s.Errorf("Authorization is %q after a redirect to %s", got, to)
		}
		if res.URL != s.s.A+"/echo" {
			s.Errorf("response URL is %q", res.URL)
		}
	}
}

func (s *suite) otherOrigin() {
	back := s.s.B + "/redirect?status=307&to=" + url.QueryEscape(s.s.A+"/echo")
	for _, to := range []string{s.s.B + "/echo", back} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			e, res := s.echo(&fetchshim.Request{URL: s.redirect(status, to), Header: credentials()})
			for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
				if got := e.Values(name); len(got) > 0 && to != back {
					s.Errorf("%d: %s reached another origin: %q", status, name, got)
				}
			}
			if got := e.Values("Authorization"); len(got) > 0 {
				s.Errorf("%d: Authorization came back: %q", status, got)
			}
			if got := e.Values("X-Kept"); len(got) != 1 {
				s.Errorf("%d: X-Kept is %q", status, got)
			}
			if to != back && res.URL != to {
				s.Errorf("%d: response URL is %q, want %q", status, res.URL, to)
			}
		}
	}
}

func (s *suite) seeOther() {
	opens := 0
	e, _ := s.echo(&fetchshim.Request{Method: "POST", URL: s.redirect(303, s.s.A+"/echo"), Body: s.body(1000, true, &opens)})
	if e.Method != "GET" || e.Bytes != 0 {
		s.Errorf("got %s with %d bytes, want GET with none", e.Method, e.Bytes)
	}
}

func (s *suite) reopened() {
	for _, status := range []int{307, 308} {
		opens := 0
		e, _ := s.echo(&fetchshim.Request{
			Method: "PUT", URL: s.redirect(status, s.s.B+"/upload?id="+s.id()), Body: s.body(100_000, true, &opens)})
		if e.Method != "PUT" || e.Bytes != 100_000 || !e.Intact {
			s.Errorf("%d: got %s with %d bytes, intact %v", status, e.Method, e.Bytes, e.Intact)
		}
		if opens > 2 {
			s.Errorf("%d: the body was opened %d times for two requests", status, opens)
		}
	}
}

// reopenedStream sends more than a Fetcher would keep in memory to send it again.
func (s *suite) reopenedStream() {
	opens := 0
	e, _ := s.echo(&fetchshim.Request{Method: "PUT", URL: s.redirect(307, s.s.B+"/upload?id="+s.id()),
		Header: credentials(), Body: s.body(3<<20, true, &opens)})
	if e.Method != "PUT" || e.Bytes != 3<<20 || !e.Intact {
		s.Errorf("got %s with %d bytes, intact %v", e.Method, e.Bytes, e.Intact)
	}
	if got := e.Values("Authorization"); len(got) > 0 {
		s.Errorf("Authorization reached another origin: %q", got)
	}
}

func (s *suite) manual() {
	req := &fetchshim.Request{URL: s.redirect(307, s.s.B+"/echo"), Redirect: fetchshim.Manual}
	if s.o.NoManual {
		_, err := s.f.Fetch(s.ctx, req)
		s.wantFault(err, fetchshim.Unsupported)
		return
	}
	res := s.fetch(req)
	if res.Status != 307 || res.Header.Get("Location") != s.s.B+"/echo" {
		s.Errorf("status %d, Location %q", res.Status, res.Header.Get("Location"))
	}
}

func (s *suite) loop() {
	_, err := s.f.Fetch(s.ctx, &fetchshim.Request{URL: s.s.A + "/loop"})
	s.wantFault(err, fetchshim.Network)
}
