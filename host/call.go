package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// answer is a frame for the guest that some goroutine made.
type answer struct {
	head    *frame.Header
	payload []byte
}

// call drives one instance through one verb. Only run touches the instance; everything that takes time happens in
// goroutines that send answers.
type call struct {
	h       *Host
	in      *instance
	sinks   Sinks
	user    context.Context // the caller's
	ctx     context.Context // of the goroutines; ends with the call
	stop    context.CancelFunc
	answers chan answer
	ids     map[uint32]*exchange
	outputs map[uint32]io.WriteCloser
	partial []byte // an item that the next frame goes on with
	done    bool
	result  json.RawMessage
	err     error
}

// theCall is the number of the only call of an instance.
const theCall = 1

// graceSteps is how many steps a cancelled verb gets to end by itself.
const graceSteps = 64

func newCall(ctx context.Context, h *Host, in *instance, sinks Sinks) *call {
	c := &call{h: h, in: in, sinks: sinks, user: ctx, answers: make(chan answer), ids: map[uint32]*exchange{}, outputs: map[uint32]io.WriteCloser{}}
	c.ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	return c
}

func (c *call) end() { c.stop() }

func (c *call) run(verb string, request []byte) (json.RawMessage, error) {
	if err := c.in.check(); err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(request)) == 0 {
		request = []byte("{}")
	}
	if !json.Valid(request) {
		return nil, &Error{Kind: "input", Message: verb + ": request: not JSON"}
	}
	hello := &frame.Header{
		Type: frame.Hello, ABI: frame.ABI, Platform: c.h.o.Platform, Upload: "stream",
		Capabilities: []string{"inputs", "credentials"}, PlainHTTP: c.h.o.PlainHTTP,
	}
	for _, h := range []*frame.Header{hello, {Type: frame.Call, Call: theCall, Verb: verb, Request: request}} {
		if err := c.in.send(h, nil); err != nil {
			return nil, dead(err)
		}
	}
	if err := c.loop(); err != nil {
		return nil, dead(err)
	}
	return c.result, c.err
}

// dead is the error of an instance that trapped or left.
func dead(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: "internal", Message: "the reactor died: " + err.Error()}
}

func (c *call) loop() error {
	cancelled := c.user.Done()
	grace := graceSteps
	for !c.done {
		state, err := c.in.step.Call(c.in.ctx)
		if err != nil {
			if c.user.Err() != nil {
				return &Error{Kind: "cancelled", Message: c.user.Err().Error()}
			}
			return err
		}
		var wait bool
		switch state[0] {
		case 0:
			wait = true
		case 1:
			err = c.pullAll()
		case 2:
			return fmt.Errorf("it forgot the call")
		}
		if err == nil && !c.done {
			err = c.take(wait, &cancelled)
		}
		if err != nil {
			return err
		}
		if cancelled == nil {
			if grace--; grace == 0 {
				return &Error{Kind: "cancelled", Message: c.user.Err().Error()}
			}
		}
	}
	return nil
}

func (c *call) pullAll() error {
	for {
		h, payload, err := c.in.pull()
		if err != nil || h == nil {
			return err
		}
		if err := c.handle(h, payload); err != nil {
			return err
		}
	}
}

// take gives the guest the answers that are there, and waits for one when the guest has nothing else to do.
func (c *call) take(wait bool, cancelled *<-chan struct{}) error {
	for {
		if wait {
			select {
			case a := <-c.answers:
				if err := c.in.send(a.head, a.payload); err != nil {
					return err
				}
			case <-*cancelled:
				return c.cancel(cancelled)
			}
			wait = false
			continue
		}
		select {
		case a := <-c.answers:
			if err := c.in.send(a.head, a.payload); err != nil {
				return err
			}
		case <-*cancelled:
			return c.cancel(cancelled)
		default:
			return nil
		}
	}
}

func (c *call) cancel(cancelled *<-chan struct{}) error {
	*cancelled = nil
	return c.in.send(&frame.Header{Type: frame.Cancel, Call: theCall}, nil)
}

// reply sends an answer from a goroutine; it gives up when the call has ended.
func (c *call) reply(h *frame.Header, payload []byte) bool {
	select {
	case c.answers <- answer{h, payload}:
		return true
	case <-c.ctx.Done():
		return false
	}
}

func (c *call) handle(h *frame.Header, payload []byte) error {
	switch h.Type {
	case frame.Result:
		c.done, c.result = true, h.Value
	case frame.Error:
		err := &Error{Kind: h.Kind, Message: h.Text, Hint: h.Hint}
		if h.Call == 0 {
			return err
		}
		c.done, c.err = true, err
	case frame.Event:
		if c.sinks.Event != nil {
			c.sinks.Event(h.Value)
		}
	case frame.Item:
		return c.items(payload)
	case frame.Output:
		return c.output(h, payload)
	case frame.Fetch:
		c.fetch(h)
	case frame.Open:
		c.open(h)
	case frame.Timer:
		c.timer(h)
	case frame.Credential:
		go c.credential(h)
	case frame.Read, frame.Write, frame.Pread:
		if x := c.ids[h.ID]; x != nil {
			x.ask(h, payload)
		}
	case frame.Close:
		if x := c.ids[h.ID]; x != nil {
			x.close()
			delete(c.ids, h.ID)
		}
	}
	return nil
}

// items cuts the stream of JSON lines; an item may lie across frames.
func (c *call) items(b []byte) error {
	for {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			c.partial = append(c.partial, line...)
			return nil
		}
		if len(c.partial) > 0 {
			line = append(c.partial, line...)
			c.partial = nil
		}
		b = rest
		if c.sinks.Item == nil {
			continue
		}
		if err := c.sinks.Item(line); err != nil {
			return &Error{Kind: "cancelled", Message: err.Error()}
		}
	}
}

func (c *call) output(h *frame.Header, payload []byte) error {
	w := c.outputs[h.Stream]
	if w == nil {
		if c.sinks.Output == nil {
			return &Error{Kind: "unsupported", Message: "nobody takes the output of this call"}
		}
		var err error
		if w, err = c.sinks.Output(h.Name); err != nil {
			return &Error{Kind: "internal", Message: err.Error()}
		}
		c.outputs[h.Stream] = w
	}
	if _, err := w.Write(payload); err != nil {
		return &Error{Kind: "internal", Message: err.Error()}
	}
	if h.EOF {
		return w.Close()
	}
	return c.in.send(&frame.Header{Type: frame.Ready, Call: h.Call, Stream: h.Stream}, nil)
}
