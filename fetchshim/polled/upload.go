package polled

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// upload sends the body of a request: the first piece at once, each other one when the host has taken the one before it.
type upload struct {
	x     *exchange
	body  fetchshim.Body
	ready chan struct{} // the host took the last piece
	again chan struct{} // the host wants the body from its start

	mu      sync.Mutex
	rewinds uint32 // how often it wanted that, which a host may do twice before the body is opened again
}

// sourceError ends an exchange whose request body could not be read.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }

var errRewound = errors.New("rewound")

// told notes a frame about the upload. A rewind makes a ready of the pass before it void.
func (u *upload) told(t frame.Type) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if t == frame.Ready {
		raise(u.ready)
		return
	}
	u.rewinds++
	lower(u.ready)
	raise(u.again)
}

// pass begins a pass and gives its number.
func (u *upload) pass() uint32 {
	u.mu.Lock()
	defer u.mu.Unlock()
	lower(u.again)
	return u.rewinds
}

// raise and lower make a channel of one element a flag that can be waited for.
func raise(flag chan<- struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

func lower(flag <-chan struct{}) {
	select {
	case <-flag:
	default:
	}
}

// run sends the body as often as the host asks for it, until the exchange ends.
func (u *upload) run() {
	for {
		err := u.send(u.pass())
		switch {
		case errors.Is(err, errRewound):
			continue
		case err != nil:
			u.x.end(&sourceError{err})
			return
		}
		select {
		case <-u.again:
		case <-u.x.ctx.Done():
			return
		}
	}
}

// send sends the body once. It ends with errRewound when the host wants it again, and with nil when the exchange ended.
func (u *upload) send(pass uint32) error {
	r, err := u.body.Open(u.x.ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	buf := make([]byte, frame.MaxPayload)
	left := u.body.Len() // negative for ever where it is not known
	for first := true; ; first = false {
		n, err := io.ReadFull(r, buf)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		known := left >= 0
		switch left -= int64(n); {
		case known && left < 0:
			return fmt.Errorf("is longer than the %d bytes that were announced", u.body.Len())
		case left == 0:
			last = true
		case last && left > 0:
			return io.ErrUnexpectedEOF
		}
		if !first {
			select {
			case <-u.ready:
			case <-u.again:
				return errRewound
			case <-u.x.ctx.Done():
				return nil
			}
		}
		u.x.link.Send(&frame.Header{Type: frame.Write, ID: u.x.c.id, Pass: pass, EOF: last}, buf[:n])
		if last {
			return nil
		}
	}
}
