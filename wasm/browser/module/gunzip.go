//go:build js

package module

import (
	"cmp"
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

// skipped is how many bytes are worth a call of their own to pass over: the next piece may be there already.
const skipped = 256 << 10

// fed is how many bytes are written at once: each write costs a turn of the event loop, or several.
const fed = 256 << 10

// feed writes what is to be decompressed; a write waits until there is room.
func (z *inflater) feed(r io.Reader) {
	buf := make([]byte, fed)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			bytes := z.host.Call("input", n)
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
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// next gets another piece.
func (z *inflater) next() error {
	got, err := z.ask("read")
	if err != nil {
		return err
	}
	n := got.Length()
	if n == 0 {
		return io.EOF
	}
	if cap(z.piece) < n {
		z.piece = make([]byte, n)
	}
	z.rest = z.piece[:js.CopyBytesToGo(z.piece[:cap(z.piece)], got)]
	return nil
}

// Skip implements [layer.Skipper]: what is passed over stays in JavaScript, but for a piece or so.
func (z *inflater) Skip(n int64) (int64, error) {
	done := min(n, int64(len(z.rest)))
	z.rest = z.rest[done:]
	if n-done >= skipped {
		got, err := z.ask("skip", float64(n-done))
		if err != nil {
			return done, err
		}
		done += int64(got.Float()) // where they are fewer, the next piece tells why
	}
	for done < n {
		if err := z.next(); err != nil {
			return done, err
		}
		k := min(n-done, int64(len(z.rest)))
		z.rest = z.rest[k:]
		done += k
	}
	return done, nil
}

// ask calls a method of the host that promises something. Where the stream failed because its source did, that is the error.
func (z *inflater) ask(method string, args ...any) (js.Value, error) {
	v, err := promise.Await(z.ctx, z.host.Call(method, args...))
	if err == nil {
		return v, nil
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	return v, cmp.Or(z.source, err)
}

// Close ends the decompression, and the reading of what it gets.
func (z *inflater) Close() error {
	z.cancel()
	z.host.Call("cancel")
	return nil
}
