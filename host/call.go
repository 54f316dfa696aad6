package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// answer is a frame for the guest that some goroutine made.
type answer struct {
	head    *frame.Header
	payload []byte
}

// call drives one instance through one verb. Only run touches the instance; everything that takes time happens in the
// peer's goroutines, which send answers.
type call struct {
	h       *Host
	in      *instance
	sinks   Sinks
	user    context.Context // the caller's
	gone    chan struct{}   // closed when the call ends
	peer    *peer.Peer
	answers chan answer
	lines   lines
	outputs map[uint32]io.WriteCloser
	crash   *crash

	cancelled <-chan struct{}  // the user's; nil once the guest has been told
	grace     <-chan time.Time // when a cancelled verb has had its time
	done      bool
	result    json.RawMessage
	err       error
}

// theCall is the number of the only call of an instance.
const theCall = 1

// A cancelled verb gets so many steps, or so long where it only waits, to end by itself.
const (
	graceSteps = 64
	graceTime  = time.Second
)

func newCall(ctx context.Context, h *Host, in *instance, sinks Sinks) *call {
	c := &call{h: h, in: in, sinks: sinks, user: ctx, gone: make(chan struct{}), answers: make(chan answer), outputs: map[uint32]io.WriteCloser{}}
	c.cancelled = ctx.Done()
	c.peer = peer.New(context.WithoutCancel(ctx), h.o.peer(), c.reply)
	return c
}

// reply is called by the peer's goroutines.
func (c *call) reply(h *frame.Header, payload []byte) bool {
	select {
	case c.answers <- answer{h, payload}:
		return true
	case <-c.gone:
		return false
	}
}

func (c *call) end() {
	close(c.gone)
	c.peer.Close()
}

func (c *call) run(verb string, request []byte) (json.RawMessage, error) {
	if len(bytes.TrimSpace(request)) == 0 {
		request = []byte("{}")
	}
	if !json.Valid(request) {
		return nil, &Error{Kind: "input", Message: verb + ": request: not JSON"}
	}
	hello := &frame.Header{
		Type: frame.Hello, ABI: frame.ABI, Platform: c.h.o.Platform, Upload: c.h.o.peer().Upload(),
		Capabilities: []string{"files", "credentials"}, PlainHTTP: c.h.o.PlainHTTP,
	}
	err := c.in.check()
	for _, h := range []*frame.Header{hello, {Type: frame.Call, Call: theCall, Verb: verb, Request: request}} {
		if err == nil {
			err = c.in.send(h, nil)
		}
	}
	if err == nil {
		err = c.loop()
	}
	if err != nil {
		return nil, c.fatal(err)
	}
	return c.result, c.err
}

// fatal is the error of a call that ended without a result: the caller's own, or that of an instance that trapped, left
// or was killed.
func (c *call) fatal(err error) error {
	var sink *sinkError
	var e *Error
	switch {
	case errors.As(err, &sink):
		return sink.err
	case errors.As(err, &e):
		return err
	case c.user.Err() != nil:
		return cancelled(c.user)
	}
	return &Error{Kind: "internal", Message: "the reactor died: " + c.crash.explain(err)}
}

// States that step returns.
const (
	stateIdle  = 0
	stateFrame = 1
	stateDone  = 2
)

var errClosed = errors.New("the host was closed")

var errGrace = errors.New("the verb did not end when it was cancelled")

func (c *call) loop() error {
	for late := 0; !c.done; {
		if c.h.closed.Err() != nil {
			return errClosed
		}
		state, err := c.in.stepOnce()
		if err != nil {
			return err
		}
		switch state {
		case stateFrame:
			err = c.pullAll()
		case stateDone:
			err = errors.New("it forgot the call")
		} // a state that a later version adds is as busy
		if err == nil && !c.done {
			err = c.take(state == stateIdle)
		}
		if err != nil {
			return err
		}
		if c.grace != nil {
			if late++; late > graceSteps {
				return errGrace
			}
		}
	}
	return nil
}

// take gives the guest the answers that are there; it waits for the first when the guest has nothing else to do.
func (c *call) take(wait bool) error {
	if wait {
		select {
		case a := <-c.answers:
			if err := c.in.send(a.head, a.payload); err != nil {
				return err
			}
		case <-c.cancelled:
			return c.cancel()
		case <-c.grace:
			return errGrace
		case <-c.h.closed.Done():
			return errClosed
		}
	}
	for {
		select {
		case a := <-c.answers:
			if err := c.in.send(a.head, a.payload); err != nil {
				return err
			}
		case <-c.cancelled:
			return c.cancel()
		default:
			return nil
		}
	}
}

func (c *call) cancel() error {
	c.cancelled, c.grace = nil, time.After(graceTime)
	return c.in.send(&frame.Header{Type: frame.Cancel, Call: theCall}, nil)
}

// maxPulls is how many frames are taken before the host looks for what else there is, a cancelled context above all.
const maxPulls = 256

func (c *call) pullAll() error {
	for range maxPulls {
		if c.done {
			return nil
		}
		h, payload, err := c.in.pull()
		if err != nil || h == nil {
			return err
		}
		if err := c.handle(h, payload); err != nil {
			return err
		}
	}
	return nil
}
