package nethttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// call is one round trip: its context, and the names its faults need.
type call struct {
	parent context.Context // the caller's
	ctx    context.Context
	cancel context.CancelCauseFunc
	url    string

	mu     sync.Mutex
	source error // why the request's own body could not be read
}

// inactive is the cause with which a watch ends a call.
type inactive time.Duration

func (i inactive) Error() string { return fmt.Sprintf("no byte for %s", time.Duration(i)) }

// fault tells why the call failed. The transport's own words for a cancelled context vary, so the context is asked first.
func (c *call) fault(err error) error {
	c.mu.Lock()
	source := c.source
	c.mu.Unlock()
	kind := fetchshim.Network
	var idle inactive
	var timeout net.Error
	switch {
	case c.parent.Err() != nil:
		err, kind = context.Cause(c.parent), fetchshim.Cancelled
		if errors.Is(c.parent.Err(), context.DeadlineExceeded) {
			kind = fetchshim.Timeout
		}
	case errors.As(context.Cause(c.ctx), &idle):
		err, kind = idle, fetchshim.Timeout
	case errors.Is(context.Cause(c.ctx), fs.ErrClosed):
		err, kind = fs.ErrClosed, fetchshim.Cancelled
	case source != nil:
		return fmt.Errorf("%s: request body: %w", c.url, source)
	case errors.As(err, &timeout) && timeout.Timeout():
		kind = fetchshim.Timeout
	}
	return &fetchshim.Fault{Kind: kind, URL: c.url, Err: err}
}

func (c *call) blame(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.source = err
	return err
}

// body is a response body. Reading is watched only while a Read waits.
type body struct {
	call  *call
	rc    io.ReadCloser
	watch *watch
}

func (b *body) Read(p []byte) (int, error) {
	if b.call.parent.Err() != nil {
		return 0, b.call.fault(nil)
	}
	b.watch.arm()
	n, err := b.rc.Read(p)
	b.watch.disarm()
	if err != nil && err != io.EOF {
		err = b.call.fault(err)
	}
	return n, err
}

// Close breaks off what has not been read; after EOF the connection is free already and stays open.
func (b *body) Close() error {
	b.watch.disarm()
	b.call.cancel(fs.ErrClosed)
	b.rc.Close() // an error here is that of the cancel
	return nil
}

// upload opens a request body for the transport, perhaps more than once.
type upload struct {
	call  *call
	limit time.Duration

	mu   sync.Mutex
	last *watch
	done bool
}

func (u *upload) open(ctx context.Context, b fetchshim.Body) (io.ReadCloser, error) {
	rc, err := b.Open(ctx)
	if err != nil {
		return nil, u.call.blame(err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = newWatch(u.limit, u.call.cancel)
	if u.done {
		u.last.stop()
	}
	return &uploadReader{call: u.call, rc: rc, watch: u.last}, nil
}

// stop ends the watch over the upload: the response head has arrived, and the upload need not finish.
func (u *upload) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done = true
	if u.last != nil {
		u.last.stop()
	}
}

// uploadReader is watched between two Reads, which is while the transport writes; a slow source is not the network's fault.
type uploadReader struct {
	call  *call
	rc    io.ReadCloser
	watch *watch
}

func (r *uploadReader) Read(p []byte) (int, error) {
	r.watch.disarm()
	n, err := r.rc.Read(p)
	switch {
	case err == nil:
		r.watch.arm()
	case err != io.EOF:
		err = r.call.blame(err)
	}
	return n, err
}

func (r *uploadReader) Close() error {
	r.watch.stop()
	return r.rc.Close()
}
