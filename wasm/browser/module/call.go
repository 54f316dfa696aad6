//go:build js

package module

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"syscall/js"
	"time"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
	"github.com/stevedore-oci/stevedore/transport"
)

// slice is how long the calls of a module keep the event loop: messages, such as a cancel, arrive between two slices.
const slice = 15 * time.Millisecond

// inactivity is how long a registry may keep a request waiting without a byte: fetch would wait for ever.
const inactivity = 60 * time.Second

// start runs a verb.
func (m *module) start(verb, request string, h host) {
	m.resting.Stop()
	m.running++
	ctx, cancel := context.WithCancel(context.Background())
	stop := js.FuncOf(func(js.Value, []js.Value) any {
		cancel()
		return nil
	})
	h.Set("cancel", stop)
	go func() {
		defer cancel()
		result, err := m.run(ctx, verb, request, h)
		if err != nil && ctx.Err() != nil {
			err = &errs.Error{Kind: errs.Cancelled, Subject: verb, Err: err}
		}
		h.settle(result, err)
		stop.Release()
		if m.running--; m.running == 0 {
			m.resting.Reset(rest)
		}
	}()
}

func (m *module) run(ctx context.Context, verb, request string, h host) (result []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errs.New(errs.Internal, verb, "panic: %v", p)
		}
	}()
	v, err := core.Find(m.o.Verbs, verb)
	if err != nil {
		return nil, err
	}
	env, err := m.env(h)
	if err != nil {
		return nil, err
	}
	lines := newLines(ctx, h.Get("items"))
	result, err = v.Call(ctx, env, []byte(request), lines.add)
	if lerr := lines.end(); err == nil {
		err = lerr
	}
	return result, err
}

func (m *module) env(h host) (*core.Env, error) {
	platform, err := h.platform()
	if err != nil {
		return nil, err
	}
	yield := func() { m.yield(h.Get("turn")) }
	emit := func(e event.Event) {
		if b, err := json.Marshal(e); err == nil {
			h.Call("event", string(b))
		}
	}
	out := func(ctx context.Context, name string) (io.WriteCloser, error) {
		return &output{ctx: ctx, name: name, sink: h.Get("output")}, nil
	}
	o := transport.Options{
		Files: h.files(), Fetcher: jsfetch.New(jsfetch.Options{Fetch: h.Get("fetch")}), HidesHeaders: h.Get("hidesHeaders").Truthy(),
		Inactivity: inactivity, Clock: clock.System{}, Event: emit, Yield: yield,
		Stdout: out,
	}
	if named := h.plainHTTP(); len(named) > 0 {
		o.PlainHTTP = func(host string) bool { return slices.Contains(named, host) || ref.Loopback(host) }
	}
	if h.has("credential") {
		o.Keychain = h
	}
	mux := transport.New(o)
	env := &core.Env{
		Source: mux.Open, Registry: mux.Registry, File: mux.OpenFile, Clock: o.Clock, Event: emit, Yield: yield, Platform: platform,
		Output: out,
	}
	if h.has("gunzip") {
		env.Gunzip = func(ctx context.Context, r io.Reader) (io.ReadCloser, error) { return h.gunzip(ctx, r, yield) }
	}
	if m.o.Writes != nil {
		m.o.Writes(mux, env)
	}
	return env, nil
}

// yield waits for a turn of the event loop where the last one is a slice ago. What else runs gets here as well, and
// waits for the same turn.
func (m *module) yield(turn js.Value) {
	if time.Since(m.turned) < slice {
		return
	}
	_, _ = promise.Await(context.Background(), turn.Invoke()) // it is never rejected
	m.turned = time.Now()
}
