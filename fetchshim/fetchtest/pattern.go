package fetchtest

import (
	"bytes"
	"fmt"
	"io"
)

// Frame is how many bytes the test server writes at a time.
const Frame = 64 << 10

// Pattern is the content of every generated body: 1 MiB of noise, repeated. Comparing with it costs less than a hash, which
// matters when the suite runs as wasm.
type Pattern []byte

// NewPattern generates the noise, which is always the same.
func NewPattern() Pattern {
	p := make(Pattern, 1<<20)
	x := uint64(0x9e3779b97f4a7c15)
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x >> 32)
	}
	return p
}

// Reader reads the first n bytes of the repeated pattern.
func (p Pattern) Reader(n int64) io.Reader {
	return io.LimitReader(&patternReader{p: p}, n)
}

// Check compares b with what the pattern has at offset off.
func (p Pattern) Check(off int64, b []byte) error {
	for len(b) > 0 {
		want := p[off%int64(len(p)):]
		n := min(len(want), len(b))
		if !bytes.Equal(want[:n], b[:n]) {
			return fmt.Errorf("content differs between bytes %d and %d", off, off+int64(n))
		}
		off += int64(n)
		b = b[n:]
	}
	return nil
}

// Drain reads r to its end in pieces of a Frame, checks each, and returns how many bytes came.
func (p Pattern) Drain(r io.Reader, off int64, each func(off int64)) (int64, error) {
	buf := make([]byte, Frame)
	for {
		n, err := r.Read(buf)
		if cerr := p.Check(off, buf[:n]); cerr != nil {
			return off, cerr
		}
		off += int64(n)
		if each != nil {
			each(off)
		}
		if err == io.EOF {
			return off, nil
		}
		if err != nil {
			return off, err
		}
	}
}

type patternReader struct {
	p   Pattern
	off int
}

func (r *patternReader) Read(b []byte) (int, error) {
	n := copy(b, r.p[r.off:])
	r.off = (r.off + n) % len(r.p)
	return n, nil
}
