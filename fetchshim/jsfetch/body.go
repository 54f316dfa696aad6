//go:build js

package jsfetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// piece is how many bytes are copied between Go and JavaScript at a time.
const piece = 64 << 10

// call is one call of fetch with what belongs to it.
type call struct {
	ctx   context.Context // the caller's
	url   string
	run   context.Context // ends with the call
	stop  context.CancelFunc
	abort js.Value // an AbortController

	mu     sync.Mutex
	source error // why the request's own body could not be read
}

// begin ties an AbortController to the caller's context.
func (c *call) begin() {
	c.abort = js.Global().Get("AbortController").New()
	c.run, c.stop = context.WithCancel(c.ctx)
	context.AfterFunc(c.run, func() { c.abort.Call("abort") })
}

// end stops the upload and aborts what is still under way; after the end of both it changes nothing.
func (c *call) end() { c.stop() }

func (c *call) blame(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.source = err
	return err
}

func (c *call) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source
}

// body is a response body. It asks the stream for one chunk at a time, which is the back-pressure.
type body struct {
	call   *call
	reader js.Value // a ReadableStreamDefaultReader
	left   int64    // bytes that Content-Length still promises, or -1

	mu    sync.Mutex // Close may be called while Read waits
	err   error      // what every further Read returns
	chunk js.Value   // what the stream gave last
	off   int        // how much of the chunk has been copied
	size  int
	ready []byte // copied and not yet read
}

func (b *body) Read(p []byte) (int, error) {
	if b.call.ctx.Err() != nil {
		b.finish(b.call.fault(nil))
	}
	if err := b.ended(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for len(b.ready) == 0 {
		if b.off < b.size {
			b.copy()
			break
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// copy makes new memory for each piece. What a promise gave is kept alive in JavaScript until Go's collector has seen that
// the reference is gone, and the collector runs by what Go allocates: so Go allocates as much as JavaScript holds.
func (b *body) copy() {
	n := min(piece, b.size-b.off)
	b.ready = make([]byte, n)
	js.CopyBytesToGo(b.ready, b.chunk.Call("subarray", b.off, b.off+n))
	b.off += n
	if b.off == b.size {
		b.chunk = js.Undefined()
	}
}

// next waits for a chunk. Not every browser compares the body with Content-Length, so the end is checked here.
func (b *body) next() error {
	result, err := promise.Await(b.call.run, b.reader.Call("read"))
	if closed := b.ended(); closed != nil {
		return closed
	}
	if err != nil {
		return b.finish(b.call.fault(err))
	}
	if result.Get("done").Bool() {
		if b.left > 0 {
			return b.finish(b.call.fault(fmt.Errorf("%d bytes before the end: %w", b.left, io.ErrUnexpectedEOF)))
		}
		return b.finish(io.EOF)
	}
	b.chunk = result.Get("value")
	b.off, b.size = 0, b.chunk.Get("byteLength").Int()
	if b.left >= 0 {
		b.left -= int64(b.size)
		if b.left < 0 {
			return b.finish(b.call.fault(errors.New("the body is longer than Content-Length")))
		}
	}
	return nil
}

func (b *body) ended() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// finish keeps the first end of the body, nil meaning EOF, and ends the call.
func (b *body) finish(err error) error {
	if err == nil {
		err = io.EOF
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
		b.call.end()
	}
	return b.err
}

// Close aborts a fetch that has not ended.
func (b *body) Close() error {
	b.finish(fmt.Errorf("%s: %w", b.call.url, fs.ErrClosed))
	return nil
}
