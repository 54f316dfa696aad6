//go:build js

package module

import (
	"context"
	"errors"
	"io"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// gunzip has the host decompress.
func (h host) gunzip(ctx context.Context, r io.Reader, yield func()) (io.ReadCloser, error) {
	z := &inflater{ctx: ctx, r: r, yield: yield, in: make([]byte, fed)}
	if err := promise.Try(func() { z.host = h.Call("gunzip") }); err != nil {
		return nil, err
	}
	return z, nil
}

// inflater hands gzip to the host and takes content from it. What the host fails at has no kind, so the module's own reader goes on.
type inflater struct {
	ctx   context.Context
	r     io.Reader
	yield func()
	host  js.Value
	in    []byte
	piece []byte // what came last, whole
	rest  []byte // of piece
}

// fed is how many bytes the host takes at once.
const fed = 256 << 10

func (z *inflater) Read(p []byte) (int, error) {
	for len(z.rest) == 0 {
		if err := z.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// next gets another piece, or hands over what it takes to get one.
func (z *inflater) next() error {
	got, err := z.ask("read")
	if err != nil {
		return err
	}
	n := got.Length()
	if n == 0 {
		return z.feed()
	}
	if cap(z.piece) < n {
		z.piece = make([]byte, n)
	}
	z.rest = z.piece[:js.CopyBytesToGo(z.piece[:cap(z.piece)], got)]
	return nil
}

// Skip implements [layer.Skipper]: what is passed over stays with the host.
func (z *inflater) Skip(n int64) (int64, error) {
	done := min(n, int64(len(z.rest)))
	z.rest = z.rest[done:]
	for done < n {
		if err := z.ctx.Err(); err != nil {
			return done, err
		}
		got, err := z.ask("skip", float64(n-done))
		if err != nil {
			return done, err
		}
		k := int64(got.Float())
		if done += k; k == 0 {
			if err := z.feed(); err != nil {
				return done, err
			}
		}
		z.yield()
	}
	return done, nil
}

// feed gives the host what it is to decompress next.
func (z *inflater) feed() error {
	n, err := z.r.Read(z.in)
	if n > 0 {
		to, terr := z.ask("input", n)
		if terr != nil {
			return terr
		}
		js.CopyBytesToJS(to, z.in[:n])
		return nil // an error comes again
	}
	if err == io.EOF && !z.host.Get("whole").Bool() {
		return errors.New("the file is cut off")
	}
	return err
}

// ask calls a method of the host.
func (z *inflater) ask(method string, args ...any) (v js.Value, err error) {
	err = promise.Try(func() { v = z.host.Call(method, args...) })
	return v, err
}

// Close has the host let go of its memory.
func (z *inflater) Close() error {
	z.host.Call("close")
	return nil
}
