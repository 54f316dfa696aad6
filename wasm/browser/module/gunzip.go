//go:build js

package module

import (
	"context"
	"io"
	"sync"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// gunzip has the host decompress. It may refuse what follows the first member of a file, as browsers do.
func (h host) gunzip(ctx context.Context, r io.Reader) (io.ReadCloser, error) {
	z := &inflater{}
	if err := promise.Try(func() { z.host = h.Call("gunzip") }); err != nil {
		return nil, err
	}
	z.ctx, z.cancel = context.WithCancel(ctx)
	go z.feed(r)
	return z, nil
}

type inflater struct {
	ctx    context.Context
	cancel context.CancelFunc
	host   js.Value
	piece  []byte // what came last, whole
	rest   []byte // of piece

	mu     sync.Mutex
	source error // of what is decompressed
}

// fed is how many bytes are written at once: each write costs a turn of the event loop, or several.
const fed = 256 << 10

// feed writes what is to be decompressed; a write waits until there is room.
func (z *inflater) feed(r io.Reader) {
	buf := make([]byte, fed)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			bytes := js.Global().Get("Uint8Array").New(n)
			js.CopyBytesToJS(bytes, buf[:n])
			if _, werr := promise.Await(z.ctx, z.host.Call("write", bytes)); werr != nil {
				return // the reader is told as well
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			z.mu.Lock()
			z.source = err
			z.mu.Unlock()
			z.host.Call("abort")
			return
		}
		z.host.Call("close")
		return
	}
}

func (z *inflater) Read(p []byte) (int, error) {
	if len(z.rest) == 0 {
		got, err := promise.Await(z.ctx, z.host.Call("read"))
		if err != nil {
			z.mu.Lock()
			defer z.mu.Unlock()
			if z.source != nil {
				return 0, z.source
			}
			return 0, err
		}
		n := got.Length()
		if n == 0 {
			return 0, io.EOF
		}
		if cap(z.piece) < n {
			z.piece = make([]byte, n)
		}
		z.rest = z.piece[:js.CopyBytesToGo(z.piece[:cap(z.piece)], got)]
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// Close ends the decompression, and the reading of what it gets.
func (z *inflater) Close() error {
	z.cancel()
	z.host.Call("cancel")
	return nil
}
