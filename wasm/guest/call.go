package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// inactivity is how long a registry may keep a request waiting without a byte, where the host would wait for ever.
const inactivity = 60 * time.Second

// call is one run of a verb.
type call struct {
	g      *Guest
	id     uint32
	host   hostInfo
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	items   []byte                   // JSON lines that no frame has taken yet
	streams map[uint32]chan struct{} // outputs that are open, for their ready
	stream  uint32                   // the number of the last one
}

func (c *call) run(verb string, request json.RawMessage) {
	result, err := c.do(verb, request)
	if c.ctx.Err() != nil && err != nil {
		err = &errs.Error{Kind: errs.Cancelled, Subject: verb, Err: err}
	}
	c.g.finish(c, result, err)
}

func (c *call) do(verb string, request json.RawMessage) (result []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errs.New(errs.Internal, verb, "panic: %v", p)
		}
	}()
	v, err := core.Find(c.g.o.Verbs, verb)
	if err != nil {
		return nil, err
	}
	if len(request) > frame.MaxRequest {
		return nil, errs.New(errs.Input, verb, "the request is larger than %d bytes", frame.MaxRequest)
	}
	result, err = v.Call(c.ctx, c.env(), request, c.item)
	c.flush()
	return result, err
}

func (c *call) env() *core.Env {
	clock := c.g.link.Clock(c.id)
	o := transport.Options{
		Files:        &files{link: c.g.link, call: c.id, inputs: c.host.can(CapFiles), local: c.g.o.Files},
		Writable:     c.g.o.Writable,
		Stdout:       c.output,
		Fetcher:      c.g.link.Fetcher(c.id, c.host.upload),
		HidesHeaders: c.host.can(CapHidesHeaders),
		Inactivity:   inactivity,
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
	env := &core.Env{
		Source: mux.Open, Registry: mux.Registry, File: mux.OpenFile, Output: c.output, Event: c.event, Clock: clock, Yield: c.g.o.Yield,
		Platform: c.host.platform,
	}
	if c.g.o.Writes != nil {
		c.g.o.Writes(mux, env)
	}
	return env
}

// event tells the host. When the host is behind, progress is left out and the rest waits.
func (c *call) event(e event.Event) {
	if e.Kind == event.Progress && c.g.link.Queued() > 0 {
		return
	}
	if b, err := json.Marshal(e); err == nil {
		_ = c.g.link.SendContent(c.ctx, &frame.Header{Type: frame.Event, Call: c.id, Value: b}, nil)
	}
}

// item adds one item to the JSON lines, and first sends those that leave no room for it. An item larger than a frame goes
// on in the next one.
func (c *call) item(b []byte) error {
	c.mu.Lock()
	full := len(c.items) > 0 && len(c.items)+len(b)+1 > frame.MaxPayload
	c.mu.Unlock()
	if full {
		c.flush()
		if c.g.o.Yield != nil {
			c.g.o.Yield()
		}
	}
	if err := c.g.link.Room(c.ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items = append(append(c.items, b...), '\n')
	return nil
}

// flush sends the items that wait. It never waits itself: item does, before it takes more.
func (c *call) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for b := c.items; len(b) > 0; b = b[min(len(b), frame.MaxPayload):] {
		c.g.link.Send(&frame.Header{Type: frame.Item, Call: c.id}, b[:min(len(b), frame.MaxPayload)])
	}
	c.items = c.items[:0]
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
	c.stream++
	o := &output{c: c, name: name, stream: c.stream, ready: make(chan struct{}, 1)}
	c.streams[o.stream] = o.ready
	return o, nil
}

// output is a stream of bytes to the host, in frames that are full but for the last. The first goes at once, each other one
// after a ready.
type output struct {
	c      *call
	name   string
	stream uint32
	ready  chan struct{}
	sent   bool
	rest   []byte // less than a frame
}

func (o *output) Write(p []byte) (int, error) {
	n := 0
	for len(o.rest)+len(p)-n >= frame.MaxPayload {
		k := frame.MaxPayload - len(o.rest)
		b := p[n : n+k]
		if len(o.rest) > 0 {
			b = append(o.rest, b...)
		}
		if err := o.send(b, false); err != nil {
			return n, err
		}
		o.rest = o.rest[:0]
		n += k
	}
	o.rest = append(o.rest, p[n:]...)
	return len(p), nil
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
	return o.c.g.link.SendContent(o.c.ctx, &frame.Header{Type: frame.Output, Call: o.c.id, Stream: o.stream, Name: o.name, EOF: eof}, b)
}

// Close sends the end of the stream.
func (o *output) Close() error {
	defer o.Abort(nil)
	return o.send(o.rest, true)
}

// Abort ends the stream without its end: the error frame of the call tells the host that what it has is not whole.
func (o *output) Abort(error) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	delete(o.c.streams, o.stream)
}

// keychain asks the host.
type keychain struct{ c *call }

func (k keychain) Credential(ctx context.Context, registry string) (auth.Credential, error) {
	s, err := k.c.g.link.Credential(ctx, k.c.id, registry)
	if err != nil {
		return auth.Credential{}, fmt.Errorf("credential for %s: %w", registry, err)
	}
	return auth.Credential{Username: s.Username, Password: s.Password, RegistryToken: s.Token}, nil
}
