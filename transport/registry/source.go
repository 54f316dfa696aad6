package registry

import (
	"context"
	"io"
	"io/fs"
	"sync"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// source opens a blob for the requests of one upload. A part that begins where the last one ended goes on reading there,
// so a blob that is cut into chunks is read, and verified, once.
type source struct {
	ctx   context.Context // of the whole upload: a request ends before the next part is read
	b     content.Blob
	yield func()

	mu    sync.Mutex
	check bool          // hash what is read: the registry does so too, and of the two one is enough
	r     io.ReadCloser // nil: not open
	at    int64
	turn  *part // the one that may read; a Fetcher may still hold the one before
	err   error // what the blob failed with
}

// part is bytes from to to of a blob as the body of a request.
func (s *source) part(from, to int64) fetchshim.Body {
	return fetchshim.BodyFunc{Size: to - from, From: func(context.Context) (io.ReadCloser, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.seek(from); err != nil {
			s.err = err
			return nil, err
		}
		s.turn = &part{s: s, left: to - from}
		return s.turn, nil
	}}
}

// seek opens the blob at an offset. Only from the start can it be read verified.
func (s *source) seek(offset int64) error {
	if s.r != nil && s.at == offset {
		return nil
	}
	s.stop()
	r, err := openAt(s.ctx, s.b, offset, s.check)
	if err != nil {
		return err
	}
	s.r, s.at = r, offset
	return nil
}

func openAt(ctx context.Context, b content.Blob, offset int64, check bool) (io.ReadCloser, error) {
	if o, ok := content.As[content.RangeOpener](b); ok && (offset > 0 || !check) {
		return o.OpenAt(ctx, offset)
	}
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (s *source) stop() {
	if s.r != nil {
		_ = s.r.Close()
		s.r = nil
	}
}

// doubt has the blob read from its start, and verified from now on. It is false where it was verified before.
func (s *source) doubt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := content.As[content.RangeOpener](s.b); s.check || !ok {
		return false
	}
	s.check = true
	s.stop()
	return true
}

// close ends reading, also for a part that a Fetcher still holds.
func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn = nil
	s.stop()
}

// failure is the error of the blob itself, if that is why a request failed.
func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

type part struct {
	s    *source
	left int64
}

// Read ends with EOF after the part. At the end of the blob it reads on to its EOF, since only there an error of
// verification is told.
func (p *part) Read(b []byte) (int, error) {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.turn != p || s.r == nil && p.left > 0:
		return 0, fs.ErrClosed
	case s.r == nil || p.left == 0 && s.at < s.b.Descriptor().Size: // net/http reads once more after the end
		return 0, io.EOF
	}
	r := steady{s.r, s.yield}
	n, err := r.Read(b[:min(int64(len(b)), max(p.left, 1))])
	s.at += int64(n)
	if p.left -= int64(n); p.left < 0 {
		err = errs.New(errs.Verification, s.b.Descriptor().Digest.String(), "is longer than the %d bytes its descriptor says", s.b.Descriptor().Size)
	}
	if err == io.EOF && p.left > 0 {
		err = errs.New(errs.Verification, s.b.Descriptor().Digest.String(), "ends %d bytes before its end", p.left)
	}
	if err != nil {
		s.stop()
		if err != io.EOF {
			s.err = err
		}
	}
	return n, err
}

// Close leaves the blob open for the next part.
func (p *part) Close() error { return nil }
