package polled

import (
	"context"
	"sync"
	"time"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Clock waits by asking the host for timers. It satisfies core/clock.Clock.
type Clock struct {
	link *Link
	call uint32
}

// Clock returns the clock of one call of a verb.
func (l *Link) Clock(call uint32) *Clock { return &Clock{l, call} }

// Now is the time of the host.
func (c *Clock) Now() time.Time { return time.Now() }

// Sleep returns after d or with ctx's error.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	conv := c.link.start()
	ms := (d + time.Millisecond - 1) / time.Millisecond
	c.link.Send(&frame.Header{Type: frame.Timer, Call: c.call, ID: conv.id, MS: int64(ms)}, nil)
	if _, err := conv.receive(ctx); err != nil {
		c.link.end(conv)
		return err
	}
	c.link.forget(conv)
	return nil
}

// WithTimeout is context.WithTimeout on the host's timers.
func (c *Clock) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	t := &timeout{Context: parent, deadline: time.Now().Add(d), done: make(chan struct{})}
	if at, ok := parent.Deadline(); ok && at.Before(t.deadline) {
		t.deadline = at
	}
	if d <= 0 {
		t.end(context.DeadlineExceeded)
		return t, func() {}
	}
	stop := context.AfterFunc(parent, func() { t.end(parent.Err()) })
	go func() {
		if c.Sleep(t, d) == nil {
			t.end(context.DeadlineExceeded)
		}
	}()
	return t, func() {
		stop()
		t.end(context.Canceled)
	}
}

// timeout is a context with a channel of its own, so that contexts derived from it see its error and not its parent's.
type timeout struct {
	context.Context
	deadline time.Time
	done     chan struct{}
	mu       sync.Mutex
	err      error
}

func (t *timeout) Deadline() (time.Time, bool) { return t.deadline, true }
func (t *timeout) Done() <-chan struct{}       { return t.done }

func (t *timeout) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *timeout) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
		close(t.done)
	}
}
