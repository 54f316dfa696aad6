package registry

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"sync"
)

// rangeSize is how many bytes of a blob are asked for at once where several parts of it are read at the same time.
const rangeSize = 4 << 20

// ranges reads a blob in parts, several at the same time, and passes them on in their order.
type ranges struct {
	b      *blob
	ctx    context.Context
	cancel context.CancelFunc
	order  chan *segment // those under way; its capacity is how many
	free   chan []byte   // their memory
	wg     sync.WaitGroup

	cur  io.Reader // of the part that is being passed on
	last *segment
	err  error
}

// segment is one part. When done is closed, data or err is there.
type segment struct {
	done chan struct{}
	buf  []byte
	data []byte
	err  error
}

// openRanges begins with one part, which tells whether the registry serves ranges at all. Where it answers with the whole
// blob, that is read as it comes.
func openRanges(ctx context.Context, b *blob, offset int64) (io.ReadCloser, error) {
	first := b.transfer(ctx, offset, offset+rangeSize)
	if first.err = first.request(true); first.err != nil {
		if _, other := first.err.(otherRange); !other {
			return nil, first.err
		}
	}
	if first.err != nil || first.whole {
		first.end = b.d.Size
		if first.err != nil {
			first.err = first.fetch()
		}
		return first, first.err
	}
	n := b.r.c.o.Ranges
	ctx, cancel := context.WithCancel(ctx)
	r := &ranges{b: b, ctx: ctx, cancel: cancel, order: make(chan *segment, n-1), free: make(chan []byte, n+1)}
	for range n + 1 {
		r.free <- nil
	}
	r.cur = io.Reader(first)
	r.wg.Go(func() { r.plan(offset + rangeSize) })
	return &struct {
		io.Reader
		io.Closer
	}{r, closers{first, r}}, nil
}

// plan begins the parts in their order, each when there is memory for it.
func (r *ranges) plan(at int64) {
	defer close(r.order)
	for at < r.b.d.Size {
		s := &segment{done: make(chan struct{})}
		select {
		case s.buf = <-r.free:
		case <-r.ctx.Done():
			return
		}
		t := r.b.transfer(r.ctx, at, min(at+rangeSize, r.b.d.Size))
		r.wg.Go(func() { s.fill(t) })
		select {
		case r.order <- s:
		case <-r.ctx.Done():
			return
		}
		at = t.end
	}
}

// fill reads the part.
func (s *segment) fill(t *transfer) {
	defer close(s.done)
	size := t.end - t.at
	if s.buf == nil {
		s.buf = make([]byte, rangeSize)
	}
	if s.err = t.fetch(); s.err != nil {
		return
	}
	defer func() { _ = t.Close() }()
	n, err := io.ReadFull(t, s.buf[:size])
	s.data = s.buf[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF { // one that is short is told by the digest
		s.err = err
	}
}

func (r *ranges) Read(p []byte) (int, error) {
	for {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.cur.Read(p)
		if n > 0 {
			return n, nil
		}
		if err != nil && err != io.EOF {
			r.err = err
			continue
		}
		r.err = r.next()
	}
}

// next waits for the next part.
func (r *ranges) next() error {
	if r.last != nil {
		r.free <- r.last.buf
		r.last = nil
	}
	s, ok := <-r.order
	if !ok {
		if r.ctx.Err() != nil {
			return transportError(r.ctx, r.ctx.Err(), r.b.subject())
		}
		return io.EOF
	}
	<-s.done
	r.last, r.cur = s, bytes.NewReader(s.data)
	return s.err
}

// Close ends all parts and waits for that.
func (r *ranges) Close() error {
	r.cancel()
	r.wg.Wait()
	r.err = fs.ErrClosed
	return nil
}

// closers close one after the other.
type closers [2]io.Closer

func (c closers) Close() error {
	_ = c[0].Close()
	return c[1].Close()
}
