package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// call is one run of a verb.
type call struct {
	g      *Guest
	id     uint32
	host   hostInfo
	ctx    context.Context
	cancel context.CancelFunc
	items  bytes.Buffer // JSON lines that no frame has taken yet

	mu      sync.Mutex
	streams map[uint32]chan struct{} // outputs that wait for ready
}

func (c *call) run(verb string, request json.RawMessage) {
	var result []byte
	var err error
	defer func() {
		if p := recover(); p != nil {
			err = errs.New(errs.Internal, verb, "panic: %v", p)
		}
		c.g.finish(c, result, err)
	}()
	v, err := core.Find(verb)
	if err != nil {
		return
	}
	result, err = v.Call(c.ctx, c.env(), request, c.item)
	if ferr := c.flush(); err == nil {
		err = ferr
	}
	if c.ctx.Err() != nil && err != nil {
		err = &errs.Error{Kind: errs.Cancelled, Subject: verb, Err: err}
	}
}

func (c *call) env() *core.Env {
	clock := c.g.link.Clock(c.id)
	o := transport.Options{
		Files:        &files{link: c.g.link, call: c.id, inputs: c.host.can(CapInputs), local: c.g.o.Files},
		Fetcher:      c.g.link.Fetcher(c.id, c.host.upload),
		HidesHeaders: c.host.can(CapHidesHeaders),
		Clock:        clock,
		Event:        c.event,
		Yield:        c.g.o.Yield,
	}
	if len(c.host.plainHTTP) > 0 {
		o.PlainHTTP = func(host string) bool {
			return slices.Contains(c.host.plainHTTP, host) || ref.Loopback(host)
		}
	}
	if c.host.can(CapCredentials) {
		o.Keychain = keychain{c}
	}
	mux := transport.New(o)
	return &core.Env{
		Source: mux.Open, File: mux.OpenFile, Output: c.output, Event: c.event, Clock: clock, Yield: c.g.o.Yield,
		Platform: c.host.platform,
	}
}

// event tells the host; nobody waits for it, and when the host is far behind, progress is left out.
func (c *call) event(e event.Event) {
	if e.Kind == event.Progress && c.g.link.Waiting() {
		return
	}
	if b, err := json.Marshal(e); err == nil {
		c.g.link.Send(&frame.Header{Type: frame.Event, Call: c.id, Value: b}, nil)
	}
}

// item collects JSON lines into frames of the largest size.
func (c *call) item(b []byte) error {
	c.items.Write(b)
	c.items.WriteByte('\n')
	for c.items.Len() >= frame.MaxPayload {
		if err := c.sendItems(c.items.Next(frame.MaxPayload)); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) flush() error {
	if c.items.Len() == 0 {
		return nil
	}
	return c.sendItems(c.items.Next(c.items.Len()))
}

func (c *call) sendItems(b []byte) error {
	return c.g.link.SendContent(c.ctx, &frame.Header{Type: frame.Item, Call: c.id}, b)
}

// ready lets the output of that number go on.
func (c *call) ready(stream uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.streams[stream]; ok {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (c *call) output(_ context.Context, name string) (io.WriteCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &output{c: c, name: name, stream: uint32(len(c.streams) + 1), ready: make(chan struct{}, 1)}
	c.streams[o.stream] = o.ready
	return o, nil
}

// output is a stream of bytes to the host. The first frame goes at once, each other one after a ready.
type output struct {
	c      *call
	name   string
	stream uint32
	ready  chan struct{}
	sent   bool
}

func (o *output) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := min(len(p)-n, frame.MaxPayload)
		if err := o.send(p[n:n+k], false); err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

func (o *output) send(b []byte, eof bool) error {
	if o.sent {
		select {
		case <-o.ready:
		case <-o.c.ctx.Done():
			return o.c.ctx.Err()
		}
	}
	o.sent = true
	o.c.g.link.Send(&frame.Header{Type: frame.Output, Call: o.c.id, Stream: o.stream, Name: o.name, EOF: eof}, b)
	return nil
}

// Close sends the end of the stream.
func (o *output) Close() error { return o.send(nil, true) }

// Abort ends the stream without its end: the error frame of the call tells the host that what it has is not whole.
func (o *output) Abort(error) {}

// keychain asks the host.
type keychain struct{ c *call }

func (k keychain) Credential(ctx context.Context, registry string) (auth.Credential, error) {
	s, err := k.c.g.link.Credential(ctx, k.c.id, registry)
	if err != nil {
		return auth.Credential{}, fmt.Errorf("credential for %s: %w", registry, err)
	}
	return auth.Credential{Username: s.Username, Password: s.Password, RegistryToken: s.Token}, nil
}
