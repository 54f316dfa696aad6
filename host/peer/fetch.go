package peer

import (
	"errors"
	"io"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

func (p *Peer) fetch(x *exchange, h *frame.Header) {
	if err := p.allowed(h); err != nil {
		p.fault(x, string(fetchshim.Refused), err)
		return
	}
	req := &fetchshim.Request{Method: h.Method, URL: h.URL}
	for _, l := range h.Header {
		req.Header.Add(l[0], l[1])
	}
	if h.Redirect == "manual" {
		req.Redirect = fetchshim.Manual
	}
	if h.Body != nil {
		req.Body = &upload{p, x, h.Body.Len}
	}
	resp, err := p.o.Fetcher.Fetch(x.ctx, req)
	if err != nil {
		p.fault(x, kindOf(err), err)
		return
	}
	defer resp.Body.Close()
	head := &frame.Header{Type: frame.Response, Status: resp.Status, URL: resp.URL}
	for _, l := range resp.Header {
		head.Header = append(head.Header, [2]string{l.Name, l.Value})
	}
	if p.answer(x, head, nil) {
		p.body(x, resp.Body)
	}
}

func (p *Peer) allowed(h *frame.Header) error {
	if p.o.Fetcher == nil {
		return errors.New("this host sends no requests")
	}
	if p.o.Allow == nil {
		return nil
	}
	return p.o.Allow(h.Method, h.URL)
}

// body sends one piece for each read that the guest granted.
func (p *Peer) body(x *exchange, r io.Reader) {
	for {
		select {
		case <-x.ctx.Done():
			return
		case h := <-x.asks:
			buf := make([]byte, min(max(h.Max, 1), frame.MaxPayload))
			n, err := io.ReadAtLeast(r, buf, 1)
			if err != nil && err != io.EOF {
				p.fault(x, kindOf(err), err)
				return
			}
			if !p.answer(x, &frame.Header{Type: frame.Body, EOF: err == io.EOF}, buf[:n]) || err == io.EOF {
				return
			}
		}
	}
}

func kindOf(err error) string {
	var f *fetchshim.Fault
	if errors.As(err, &f) {
		return string(f.Kind)
	}
	return string(fetchshim.Network)
}
