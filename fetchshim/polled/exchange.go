package polled

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// exchange is one request and its response, whose body it is.
type exchange struct {
	link   *Link
	c      *conversation
	url    string
	parent context.Context // the caller's
	ctx    context.Context // ends with the exchange; its cause says why
	cancel context.CancelCauseFunc
	unbind func() bool
	up     *upload // nil for a request without a body

	mu      sync.Mutex // of what follows: one reader at a time
	granted bool
	rest    []byte
	err     error
}

// begin sends the request. An end of ctx closes the exchange even when nobody is reading.
func begin(ctx context.Context, l *Link, head *frame.Header) *exchange {
	x := &exchange{link: l, c: l.start(), url: head.URL, parent: ctx}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	head.ID = x.c.id
	l.Send(head, nil)
	x.unbind = context.AfterFunc(ctx, func() { l.end(x.c) })
	return x
}

// end closes the exchange at both ends; the first cause stays.
func (x *exchange) end(cause error) {
	x.cancel(cause)
	x.unbind()
	x.link.end(x.c)
}

// finish is end for an exchange that the host has ended.
func (x *exchange) finish(cause error) {
	x.link.forget(x.c)
	x.end(cause)
}

// failed is the error of an exchange that has ended.
func (x *exchange) failed() error {
	cause := context.Cause(x.ctx)
	switch e := cause.(type) {
	case *sourceError:
		return fmt.Errorf("%s: request body: %w", x.url, e.err)
	case *fetchshim.Fault:
		return e
	}
	if x.parent.Err() != nil {
		return ended(x.parent, x.url)
	}
	return &fetchshim.Fault{Kind: fetchshim.Cancelled, URL: x.url, Err: cause}
}

// receive returns the next answer that is not about the upload.
func (x *exchange) receive() (message, error) {
	for {
		m, err := x.c.receive(x.ctx)
		if x.ctx.Err() != nil {
			return m, x.failed()
		}
		if err != nil {
			x.end(&fetchshim.Fault{Kind: fetchshim.Network, URL: x.url, Err: err})
			return m, x.failed()
		}
		switch m.head.Type {
		case frame.Ready, frame.Rewind:
			if x.up != nil {
				x.up.told(m.head.Type)
			}
		case frame.Fault:
			x.finish(faultOf(m.head, x.url))
			return m, x.failed()
		default:
			return m, nil
		}
	}
}

// head waits for the response.
func (x *exchange) head() (*fetchshim.Response, error) {
	for {
		m, err := x.receive()
		if err != nil {
			return nil, err
		}
		if m.head.Type != frame.Response {
			continue
		}
		resp := &fetchshim.Response{Status: m.head.Status, URL: m.head.URL, Body: x}
		if resp.URL == "" {
			resp.URL = x.url
		}
		for _, p := range m.head.Header {
			resp.Header.Add(p[0], p[1])
		}
		return resp, nil
	}
}

// Read asks for two pieces at first and for one more whenever one has arrived, so the host is never more than two ahead.
func (x *exchange) Read(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil && x.ctx.Err() != nil {
		x.rest, x.err = nil, x.failed()
	}
	for len(x.rest) == 0 && x.err == nil {
		x.more()
	}
	if len(x.rest) > 0 {
		n := copy(p, x.rest)
		x.rest = x.rest[n:]
		return n, nil
	}
	return 0, x.err
}

// more waits for the next piece.
func (x *exchange) more() {
	if !x.granted {
		x.granted = true
		x.grant()
		x.grant()
	}
	m, err := x.receive()
	switch {
	case err != nil:
		x.err = err
	case m.head.Type != frame.Body:
	case m.head.EOF:
		x.rest, x.err = m.payload, io.EOF
		x.finish(fs.ErrClosed)
	default:
		x.rest = m.payload
		x.grant()
	}
}

func (x *exchange) grant() {
	x.link.Send(&frame.Header{Type: frame.Read, ID: x.c.id, Max: frame.MaxPayload}, nil)
}

// Close ends the exchange; the host drops what is under way.
func (x *exchange) Close() error {
	x.end(fs.ErrClosed)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rest = nil
	if x.err == nil {
		x.err = x.failed()
	}
	return nil
}
