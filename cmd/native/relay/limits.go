package relay

import (
	"io"
	"time"

	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

const (
	maxError = oci.MaxError
	maxToken = 64 << 10 // bytes of a token server's answer, as transport/registry/auth takes it
)

// Limits bound one request and all together.
type Limits struct {
	// Concurrent is how many requests may be under way; more are answered 503.
	Concurrent int
	// Dial bounds one attempt to connect, and the TLS handshake; Head all that comes before the body, redirects included.
	Dial, Head time.Duration
	// A body that is waited for must bring at least Floor bytes in each Window: what comes slower, or not at all, is broken
	// off. Time in which the page does not read is no waiting.
	Window time.Duration
	Floor  int64
	// Header is the size in bytes of a response's header.
	Header int64
}

func (l Limits) orDefault() Limits {
	return Limits{
		Concurrent: or(l.Concurrent, 64),
		Dial:       or(l.Dial, 5*time.Second),
		Head:       or(l.Head, time.Minute),
		Window:     or(l.Window, 30*time.Second),
		Floor:      or(l.Floor, 32<<10),
		Header:     or(l.Header, 64<<10),
	}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// bound puts the limits of size and pace on a body. A limit of 0 is none; past one, the body ends where cut is set, and else
// fails.
func (l Limits) bound(body io.ReadCloser, host string, limit int64, cut bool) io.ReadCloser {
	b := &bounded{body: body, host: host, limit: limit, left: limit, cut: cut, window: l.Window, floor: l.Floor}
	if limit == 0 {
		b.left = -1
	}
	return b
}

type bounded struct {
	body        io.ReadCloser
	host        string
	limit, left int64 // bytes; left is negative where there is no limit
	cut         bool

	window time.Duration
	floor  int64
	waited time.Duration // since the last window ended
	got    int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, b.full()
	}
	if b.left > 0 {
		p = p[:min(int64(len(p)), b.left)]
	}
	start := time.Now()
	n, err := b.body.Read(p)
	b.waited += time.Since(start)
	b.got += int64(n)
	if b.left > 0 {
		b.left -= int64(n)
	}
	if err == nil && b.waited >= b.window {
		if b.got < b.floor {
			return n, refusal{status: 504, kind: fetchshim.Timeout, message: b.host + " sends too slowly"}
		}
		b.waited, b.got = 0, 0
	}
	return n, err
}

// full is the end of a body that reached its limit: it may have ended just there.
func (b *bounded) full() error {
	if b.cut {
		return io.EOF
	}
	var one [1]byte
	n, err := io.ReadFull(b.body, one[:])
	if n > 0 {
		return tooLarge(b.host, b.limit)
	}
	return err
}

func (b *bounded) Close() error { return b.body.Close() }
