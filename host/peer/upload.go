package peer

import (
	"context"
	"io"
	"io/fs"
	"sync"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// piece is one write of the guest.
type piece struct {
	last bool
	b    []byte
}

// pieces takes the request body of an exchange. Each pass over it has a channel of its own, since a transport may still
// read the pass before when it begins the next one.
type pieces struct {
	mu     sync.Mutex
	opened bool
	pass   uint32
	now    chan piece
}

// put takes a piece, unless the guest sent it before it saw the last rewind.
func (s *pieces) put(pass uint32, p piece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pass == s.pass {
		offer(s.now, p)
	}
}

// begin starts the first pass or a further one, for which the guest has to be told.
func (s *pieces) begin() (now <-chan piece, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	again, s.opened = s.opened, true
	if again {
		s.pass++
		s.now = make(chan piece, window)
	}
	return s.now, again
}

// upload is the request body that the guest writes. Opening it again asks the guest for it from the start.
type upload struct {
	p    *Peer
	x    *exchange
	size int64
}

func (u *upload) Len() int64 { return u.size }

func (u *upload) Open(ctx context.Context) (io.ReadCloser, error) {
	now, again := u.x.pieces.begin()
	if again && !u.p.answer(u.x, &frame.Header{Type: frame.Rewind}, nil) {
		return nil, context.Canceled
	}
	return &uploadReader{u: u, ctx: ctx, pieces: now, closed: make(chan struct{})}, nil
}

// uploadReader reads one pass. One piece is on its way while the one before is read.
type uploadReader struct {
	u      *upload
	ctx    context.Context
	pieces <-chan piece
	rest   []byte
	last   bool
	once   sync.Once
	closed chan struct{}
}

func (r *uploadReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.last {
			return 0, io.EOF
		}
		select {
		case p := <-r.pieces:
			r.rest, r.last = p.b, p.last
			if !p.last && !r.u.p.answer(r.u.x, &frame.Header{Type: frame.Ready}, nil) {
				return 0, context.Canceled
			}
		case <-r.closed:
			return 0, fs.ErrClosed
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		case <-r.u.x.ctx.Done():
			return 0, context.Canceled
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends a Read that waits as well.
func (r *uploadReader) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}
