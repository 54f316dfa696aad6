//go:build js

package module

import (
	"context"
	"io"
	"sync"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// gunzip has the browser decompress (https://compression.spec.whatwg.org/#decompression-stream), which is some three times
// as fast as this program. A browser refuses what follows the first member of a file.
func gunzip(ctx context.Context, r io.Reader) (io.ReadCloser, error) {
	var z *inflater
	err := promise.Try(func() {
		stream := js.Global().Get("DecompressionStream").New("gzip")
		z = &inflater{writer: stream.Get("writable").Call("getWriter"), reader: stream.Get("readable").Call("getReader")}
	})
	if err != nil {
		return nil, err
	}
	z.ctx, z.cancel = context.WithCancel(ctx)
	go z.feed(r)
	return z, nil
}

type inflater struct {
	ctx            context.Context
	cancel         context.CancelFunc
	writer, reader js.Value
	rest           js.Value // of the piece that came last
	at, length     int

	mu     sync.Mutex
	source error // of what is decompressed
}

// feed writes what is to be decompressed; a write waits until there is room.
func (z *inflater) feed(r io.Reader) {
	buf := make([]byte, piece)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			bytes := js.Global().Get("Uint8Array").New(n)
			js.CopyBytesToJS(bytes, buf[:n])
			if _, werr := promise.Await(z.ctx, z.writer.Call("write", bytes)); werr != nil {
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
			swallow(z.writer.Call("abort"))
			return
		}
		swallow(z.writer.Call("close"))
		return
	}
}

func (z *inflater) Read(p []byte) (int, error) {
	for z.at == z.length {
		got, err := promise.Await(z.ctx, z.reader.Call("read"))
		if err != nil {
			z.mu.Lock()
			defer z.mu.Unlock()
			if z.source != nil {
				return 0, z.source
			}
			return 0, err
		}
		if got.Get("done").Truthy() {
			return 0, io.EOF
		}
		z.rest, z.at = got.Get("value"), 0
		z.length = z.rest.Length()
	}
	n := js.CopyBytesToGo(p, z.rest.Call("subarray", z.at))
	z.at += n
	return n, nil
}

// Close ends the decompression, and the reading of what it gets.
func (z *inflater) Close() error {
	z.cancel()
	swallow(z.reader.Call("cancel"))
	return nil
}

// swallow takes the rejection of a promise that nobody waits for: whoever reads is told why.
func swallow(p js.Value) { p.Call("catch", js.Global().Get("Function").Get("prototype")) }
