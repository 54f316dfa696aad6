package peer

import (
	"context"
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
		req.Body = &upload{p: p, x: x, size: h.Body.Len}
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

// piece is one write of the guest.
type piece struct {
	pass uint32
	last bool
	b    []byte
}

// upload is the request body that the guest writes. Opening it again asks the guest for it from the start.
type upload struct {
	p      *Peer
	x      *exchange
	size   int64
	passes uint32
}

func (u *upload) Len() int64 { return u.size }

func (u *upload) Open(ctx context.Context) (io.ReadCloser, error) {
	r := &uploadReader{u: u, ctx: ctx, pass: u.passes}
	u.passes++
	if r.pass > 0 && !u.p.answer(u.x, &frame.Header{Type: frame.Rewind}, nil) {
		return nil, context.Canceled
	}
	return r, nil
}

// uploadReader reads one pass. One piece is on its way while the one before is read.
type uploadReader struct {
	u    *upload
	ctx  context.Context
	pass uint32
	rest []byte
	last bool
}

func (r *uploadReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.last {
			return 0, io.EOF
		}
		select {
		case p := <-r.u.x.pieces:
			if p.pass != r.pass {
				continue // sent before the guest saw the rewind
			}
			r.rest, r.last = p.b, p.last
			if !p.last && !r.u.p.answer(r.u.x, &frame.Header{Type: frame.Ready}, nil) {
				return 0, context.Canceled
			}
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		case <-r.u.x.ctx.Done():
			return 0, context.Canceled
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *uploadReader) Close() error { return nil }
