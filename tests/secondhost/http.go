package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// fetch sends a request and gives the response as it is asked for.
func (s *session) fetch(t *task, f frame) {
	req, err := t.request(f)
	if err != nil {
		t.fault("unsupported", err)
		return
	}
	client := &http.Client{Transport: s.http, CheckRedirect: follow}
	if f.Redirect == "manual" {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	resp, err := client.Do(req)
	if err != nil {
		t.fault(kindOf(err), err)
		return
	}
	defer resp.Body.Close()
	h := header{Type: "response", Status: resp.StatusCode, URL: resp.Request.URL.String()}
	for name, values := range resp.Header {
		for _, v := range values {
			h.Header = append(h.Header, [2]string{name, v})
		}
	}
	for ok := t.send(h, nil, false); ok; {
		select {
		case r := <-t.reads:
			ok = t.body(resp.Body, r.Max)
		case <-t.ctx.Done():
			ok = false
		}
	}
}

// body answers one read; false after the last.
func (t *task) body(r io.Reader, limit int) bool {
	buf := make([]byte, min(limit, maxPayload))
	n, err := 0, error(nil)
	for n == 0 && err == nil {
		n, err = r.Read(buf)
	}
	eof := errors.Is(err, io.EOF)
	if n == 0 && !eof {
		t.fault(kindOf(err), err)
		return false
	}
	return t.send(header{Type: "body", EOF: eof}, buf[:n], eof) && !eof
}

func kindOf(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "network"
}

// follow allows ten redirects and takes the credentials from one that leaves the origin. What net/http does by itself is not enough: it
// keeps them for other ports and for hosts below the first.
func follow(req *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return errors.New("more than ten redirects")
	}
	for _, r := range append(via[1:], req) {
		if !sameOrigin(via[0].URL, r.URL) {
			for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
				req.Header.Del(name)
			}
		}
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b)
}

func (t *task) request(f frame) (*http.Request, error) {
	req, err := http.NewRequestWithContext(t.ctx, f.Method, f.URL, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range f.Header {
		req.Header.Add(h[0], h[1])
	}
	switch {
	case f.Body == nil:
	case f.Body.Kind == "bytes":
		select {
		case w := <-t.writes:
			req.ContentLength = int64(len(w.payload))
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(w.payload)), nil }
			req.Body, _ = req.GetBody()
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		}
	default:
		u := &upload{t: t}
		req.Body = u.start()
		req.GetBody = u.rewind
		req.ContentLength = f.Body.Len
		go u.pump()
	}
	return req, nil
}

// upload feeds a request body that comes in pieces into a pipe.
type upload struct {
	t    *task
	mu   sync.Mutex
	pass int
	w    *io.PipeWriter
}

func (u *upload) start() io.ReadCloser {
	r, w := io.Pipe()
	u.w = w
	return r
}

// rewind begins again, for a redirect or a lost connection.
func (u *upload) rewind() (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.t.send(header{Type: "rewind"}, nil, false) {
		return nil, u.t.ctx.Err()
	}
	u.pass++
	return u.start(), nil
}

func (u *upload) pump() {
	for {
		select {
		case f := <-u.t.writes:
			u.piece(f)
		case <-u.t.ctx.Done():
			return
		}
	}
}

// piece writes one piece and asks for the next. Pieces of a pass that is over, or for a request that wants no more of its body, are
// dropped.
func (u *upload) piece(f frame) {
	u.mu.Lock()
	pass, w := u.pass, u.w
	u.mu.Unlock()
	if f.Pass < pass {
		return
	}
	if _, err := w.Write(f.payload); err != nil {
		return
	}
	if f.EOF {
		w.Close()
		return
	}
	u.t.send(header{Type: "ready"}, nil, false)
}
