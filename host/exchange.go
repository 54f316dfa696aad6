package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// exchange is one id of the guest: a fetch, an open input or a timer. Requests about it queue for its goroutine.
type exchange struct {
	asks   chan ask
	cancel context.CancelFunc
}

type ask struct {
	head    *frame.Header
	payload []byte
}

// askSize covers two granted reads and a write; a guest that asks for more breaks the contract and loses the frame.
const askSize = 16

func (c *call) exchange(id uint32) (*exchange, context.Context) {
	ctx, cancel := context.WithCancel(c.ctx)
	x := &exchange{make(chan ask, askSize), cancel}
	c.ids[id] = x
	return x, ctx
}

func (x *exchange) ask(h *frame.Header, payload []byte) {
	select {
	case x.asks <- ask{h, payload}:
	default:
	}
}

func (x *exchange) close() { x.cancel() }

func (c *call) fault(id uint32, kind fetchshim.FaultKind, err error) {
	c.reply(&frame.Header{Type: frame.Fault, ID: id, Kind: string(kind), Text: err.Error()}, nil)
}

func (c *call) timer(h *frame.Header) {
	x, ctx := c.exchange(h.ID)
	go func() {
		defer x.cancel()
		t := time.NewTimer(time.Duration(h.MS) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
			c.reply(&frame.Header{Type: frame.Fired, ID: h.ID}, nil)
		case <-ctx.Done():
		}
	}()
}

func (c *call) credential(h *frame.Header) {
	var cred Credential
	if c.h.o.Credential != nil {
		var err error
		if cred, err = c.h.o.Credential(c.ctx, h.Registry); err != nil {
			c.fault(h.ID, "unsupported", err)
			return
		}
	}
	c.reply(&frame.Header{Type: frame.Credential, ID: h.ID, Username: cred.Username, Password: cred.Password, Token: cred.Token}, nil)
}

// open answers from the inputs by name; what is not there the guest looks for in its directories.
func (c *call) open(h *frame.Header) {
	in, ok := c.h.o.Inputs[h.Name]
	if !ok {
		go c.fault(h.ID, "not_found", fs.ErrNotExist)
		return
	}
	x, ctx := c.exchange(h.ID)
	go func() {
		c.reply(&frame.Header{Type: frame.Opened, ID: h.ID, Kind: "file", Size: in.Size()}, nil)
		for {
			select {
			case a := <-x.asks:
				if a.head.Type == frame.Pread {
					c.pread(a.head, in)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (c *call) pread(h *frame.Header, in Input) {
	b := make([]byte, min(max(h.Max, 0), frame.MaxPayload))
	n, err := in.ReadAt(b, h.Off)
	if err != nil && !errors.Is(err, io.EOF) {
		c.fault(h.ID, fetchshim.Network, err)
		return
	}
	c.reply(&frame.Header{Type: frame.Data, ID: h.ID, EOF: errors.Is(err, io.EOF)}, b[:n])
}

func (c *call) fetch(h *frame.Header) {
	x, ctx := c.exchange(h.ID)
	req := &fetchshim.Request{Method: h.Method, URL: h.URL}
	for _, f := range h.Header {
		req.Header.Add(f[0], f[1])
	}
	if h.Redirect == "manual" {
		req.Redirect = fetchshim.Manual
	}
	var up *upload
	if h.Body != nil {
		up = newUpload(h.Body.Len)
		req.Body = up
	}
	go func() {
		if err := c.allowed(req); err != nil {
			c.fault(h.ID, fetchshim.Refused, err)
			return
		}
		reads := make(chan *frame.Header, askSize)
		go c.sort(ctx, h.ID, x, up, reads)
		resp, err := c.h.o.Fetcher.Fetch(ctx, req)
		if err != nil {
			c.fault(h.ID, kindOf(err), err)
			return
		}
		defer resp.Body.Close()
		head := &frame.Header{Type: frame.Response, ID: h.ID, Status: resp.Status, URL: resp.URL}
		for _, f := range resp.Header {
			head.Header = append(head.Header, [2]string{f.Name, f.Value})
		}
		if c.reply(head, nil) {
			c.body(ctx, h.ID, resp.Body, reads)
		}
	}()
}

func (c *call) allowed(req *fetchshim.Request) error {
	if c.h.o.Fetcher == nil {
		return errors.New("this host sends no requests")
	}
	if c.h.o.Allow == nil {
		return nil
	}
	return c.h.o.Allow(req.Method, req.URL)
}

// sort parts what the guest asks of one fetch: writes go to the upload, which may wait, and reads to the body.
func (c *call) sort(ctx context.Context, id uint32, x *exchange, up *upload, reads chan<- *frame.Header) {
	for {
		select {
		case <-ctx.Done():
			if up != nil {
				up.abort(ctx.Err())
			}
			return
		case a := <-x.asks:
			switch {
			case a.head.Type == frame.Read:
				reads <- a.head
			case a.head.Type == frame.Write && up != nil:
				go func() {
					if up.write(a.payload, a.head.EOF) == nil && !a.head.EOF {
						c.reply(&frame.Header{Type: frame.Ready, ID: id}, nil)
					}
				}()
			}
		}
	}
}

// body sends one piece for each read that the guest granted.
func (c *call) body(ctx context.Context, id uint32, r io.Reader, reads <-chan *frame.Header) {
	buf := make([]byte, frame.MaxPayload)
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-reads:
			n, err := io.ReadAtLeast(r, buf[:min(max(h.Max, 1), len(buf))], 1)
			if err != nil && err != io.EOF {
				c.fault(id, kindOf(err), err)
				return
			}
			if !c.reply(&frame.Header{Type: frame.Body, ID: id, EOF: err == io.EOF}, append([]byte(nil), buf[:n]...)) || err == io.EOF {
				return
			}
		}
	}
}

func kindOf(err error) fetchshim.FaultKind {
	var f *fetchshim.Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return fetchshim.Network
}

// upload is the body that the guest writes. It can be read once: a redirect that would send it again fails, and the
// guest, which can, starts over.
type upload struct {
	size   int64
	r      *io.PipeReader
	w      *io.PipeWriter
	opened chan struct{}
}

func newUpload(size int64) *upload {
	r, w := io.Pipe()
	return &upload{size, r, w, make(chan struct{}, 1)}
}

func (u *upload) Len() int64 { return u.size }

func (u *upload) Open(context.Context) (io.ReadCloser, error) {
	select {
	case u.opened <- struct{}{}:
		return u.r, nil
	default:
		return nil, errors.New("the body of this request can be sent once only")
	}
}

func (u *upload) write(b []byte, eof bool) error {
	if _, err := u.w.Write(b); err != nil {
		return err
	}
	if eof {
		return u.w.Close()
	}
	return nil
}

func (u *upload) abort(err error) { _ = u.w.CloseWithError(err) }
