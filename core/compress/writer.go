package compress

import (
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// NewWriter compresses with the library's default level. The same content gives the same bytes, on every platform: there is one
// goroutine, and no time or name in a header. Close ends the stream and does not close w.
func NewWriter(w io.Writer, k Kind) (io.WriteCloser, error) {
	switch k {
	case None:
		return nopCloser{w}, nil
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	}
	return nil, errs.New(errs.Unsupported, "", "nothing is compressed with %s here", k)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// Pipe is r compressed with k, as a reader. Closing it closes r; an error of r comes out of Read.
func Pipe(r io.ReadCloser, k Kind) io.ReadCloser {
	out := &pipe{r: r, chunk: make([]byte, 32<<10)}
	out.w, out.err = NewWriter(&out.buf, k)
	return out
}

// pipe compresses as much as a Read needs, without a goroutine.
type pipe struct {
	r     io.ReadCloser
	w     io.WriteCloser
	buf   queue
	chunk []byte
	err   error // of r, io.EOF after the compressed stream was ended
}

func (p *pipe) Read(b []byte) (int, error) {
	for len(p.buf.b) == 0 && p.err == nil {
		n, err := p.r.Read(p.chunk)
		if _, werr := p.w.Write(p.chunk[:n]); werr != nil {
			p.err = werr
			break
		}
		if err == io.EOF {
			if cerr := p.w.Close(); cerr != nil {
				err = cerr
			}
		}
		p.err = err
	}
	if len(p.buf.b) > 0 {
		return p.buf.take(b), nil
	}
	return 0, p.err
}

func (p *pipe) Close() error { return p.r.Close() }

// queue holds what the compressor wrote and nobody has read yet.
type queue struct{ b []byte }

func (q *queue) Write(p []byte) (int, error) {
	q.b = append(q.b, p...)
	return len(p), nil
}

func (q *queue) take(p []byte) int {
	n := copy(p, q.b)
	q.b = q.b[:copy(q.b, q.b[n:])]
	return n
}
