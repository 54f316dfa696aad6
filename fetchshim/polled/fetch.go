package polled

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Fetcher returns the Fetcher of one call of a verb, so that the host can apply a policy per call. upload is what the
// host said of itself.
func (l *Link) Fetcher(call uint32, upload fetchshim.Upload) fetchshim.Fetcher {
	return &fetcher{l, call, upload}
}

type fetcher struct {
	link   *Link
	call   uint32
	upload fetchshim.Upload
}

func (f *fetcher) Upload() fetchshim.Upload { return f.upload }

func (f *fetcher) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault(req.URL, err)
	}
	c := f.link.start()
	head := &frame.Header{
		Type: frame.Fetch, Call: f.call, ID: c.id, Method: req.Method, URL: req.URL, Header: pairs(req.Header), Redirect: "follow",
	}
	if head.Method == "" {
		head.Method = "GET"
	}
	if req.Redirect == fetchshim.Manual {
		head.Redirect = "manual"
	}
	x := &exchange{link: f.link, c: c, url: req.URL, ready: make(chan struct{}, 1)}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	if req.Body != nil {
		head.Body = &frame.BodyInfo{Kind: "stream", Len: req.Body.Len()}
	}
	f.link.Send(head, nil)
	if req.Body != nil {
		go x.send(req.Body)
	}
	return x.head()
}

func pairs(h fetchshim.Header) [][2]string {
	var out [][2]string
	for _, f := range h {
		out = append(out, [2]string{f.Name, f.Value})
	}
	return out
}

// exchange is one request and its response.
type exchange struct {
	link   *Link
	c      *conversation
	url    string
	ctx    context.Context
	cancel context.CancelCauseFunc
	ready  chan struct{} // the host took the last piece of the upload

	mu      sync.Mutex // of what follows: one reader at a time
	started bool
	rest    []byte
	err     error
}

// receive returns the next answer that is not about the upload.
func (x *exchange) receive() (message, error) {
	for {
		m, err := x.c.receive(x.ctx)
		if err != nil {
			return m, fault(x.url, errors.Join(context.Cause(x.ctx), err))
		}
		switch m.head.Type {
		case frame.Ready:
			select {
			case x.ready <- struct{}{}:
			default:
			}
		case frame.Fault:
			x.link.forget(x.c)
			return m, &fetchshim.Fault{Kind: fetchshim.FaultKind(m.head.Kind), URL: x.url, Err: errors.New(m.head.Text)}
		default:
			return m, nil
		}
	}
}

func (x *exchange) head() (*fetchshim.Response, error) {
	for {
		m, err := x.receive()
		if err != nil {
			x.end(err)
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
	for len(x.rest) == 0 && x.err == nil {
		if !x.started {
			x.started = true
			x.grant()
			x.grant()
		}
		m, err := x.receive()
		switch {
		case err != nil:
			x.err = err
			x.end(err)
		case m.head.Type != frame.Body:
		default:
			x.rest = m.payload
			if m.head.EOF {
				x.err = io.EOF
				x.link.forget(x.c)
				x.cancel(nil)
			} else {
				x.grant()
			}
		}
	}
	if len(x.rest) > 0 {
		n := copy(p, x.rest)
		x.rest = x.rest[n:]
		return n, nil
	}
	return 0, x.err
}

func (x *exchange) grant() {
	x.link.Send(&frame.Header{Type: frame.Read, ID: x.c.id, Max: frame.MaxPayload}, nil)
}

// Close ends the exchange; the host drops what is under way.
func (x *exchange) Close() error {
	x.end(context.Canceled)
	return nil
}

func (x *exchange) end(err error) {
	x.cancel(err)
	x.link.end(x.c)
}

// send uploads the body: the first piece at once, each other one when the host has taken the one before it.
func (x *exchange) send(body fetchshim.Body) {
	if err := x.sendBody(body); err != nil {
		x.end(err)
	}
}

func (x *exchange) sendBody(body fetchshim.Body) error {
	r, err := body.Open(x.ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	buf := make([]byte, frame.MaxPayload)
	for first := true; ; first = false {
		n, err := io.ReadAtLeast(r, buf, 1)
		if err != nil && err != io.EOF {
			return err
		}
		if !first {
			if err := x.awaitReady(); err != nil {
				return err
			}
		}
		x.link.Send(&frame.Header{Type: frame.Write, ID: x.c.id, EOF: err == io.EOF}, buf[:n])
		if err == io.EOF {
			return nil
		}
	}
}

func (x *exchange) awaitReady() error {
	select {
	case <-x.ready:
		return nil
	case <-x.ctx.Done():
		return context.Cause(x.ctx)
	}
}

// fault makes a Fault of an error of this side.
func fault(url string, err error) error {
	var f *fetchshim.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return &fetchshim.Fault{Kind: fetchshim.Timeout, URL: url, Err: err}
	case errors.Is(err, context.Canceled):
		return &fetchshim.Fault{Kind: fetchshim.Cancelled, URL: url, Err: err}
	}
	return &fetchshim.Fault{Kind: fetchshim.Network, URL: url, Err: err}
}
