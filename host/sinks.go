package host

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Sinks receive what a verb gives besides its result; the zero value takes nothing. They are called from the goroutine of
// the Call, and the reactor waits for them. An error of a sink ends the call and is what Call returns.
type Sinks struct {
	// Item takes one item of a list verb, as JSON that is valid during the call only.
	Item func(json []byte) error
	// Event takes one event, as JSON.
	Event func(json []byte)
	// Output opens where bytes go; name is a suggestion, "" for the main output. It is closed at the end of the stream; when
	// the call fails before that, it is left to the caller.
	Output func(name string) (io.WriteCloser, error)
	// Stats is told at the end what the call took.
	Stats func(Stats)
}

// Stats is what a call took.
type Stats struct {
	Memory  int64         // bytes of the instance at the end, which is its peak, since it never shrinks
	Steps   int           // how often it was stepped
	Longest time.Duration // the longest step
}

// sinkError is an error of the caller's own.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }

func ofSink(err error) error {
	if err == nil {
		return nil
	}
	return &sinkError{err}
}

// handle takes one frame of the guest.
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
		if c.sinks.Item != nil {
			return c.lines.cut(payload, c.sinks.Item)
		}
	case frame.Output:
		return c.output(h, payload)
	default:
		c.peer.Handle(h, payload) // a frame it does not know either is one of a later version
	}
	return nil
}

// lines is the part of an item that the next frame goes on with.
type lines []byte

// maxItem bounds one item in bytes.
const maxItem = frame.MaxHeader

// cut calls each for every line that is whole.
func (l *lines) cut(b []byte, each func([]byte) error) error {
	for {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if len(*l)+len(line) > maxItem {
			return errors.New("an item has no end")
		}
		if !ok {
			*l = append(*l, line...)
			return nil
		}
		if len(*l) > 0 {
			line = append(*l, line...)
			*l = nil
		}
		if err := each(line); err != nil {
			return &sinkError{err}
		}
		b = rest
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
			return ofSink(err)
		}
		c.outputs[h.Stream] = w
	}
	if _, err := w.Write(payload); err != nil {
		return ofSink(err)
	}
	if h.EOF {
		return ofSink(w.Close())
	}
	return c.in.send(&frame.Header{Type: frame.Ready, Call: h.Call, Stream: h.Stream}, nil)
}
