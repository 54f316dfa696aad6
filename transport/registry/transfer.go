package registry

import (
	"context"
	"io"
	"strconv"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// maxResumes is how often one transfer goes on after it broke off.
const maxResumes = 3

// transfer reads a blob's body, and a new one from where it was when the body breaks off.
type transfer struct {
	ctx     context.Context
	b       *blob
	body    io.ReadCloser // nil when it broke and could not be opened again
	err     error         // why
	at      int64         // bytes of the blob that were passed on, those before the first offset included
	sized   bool
	resumes int
}

func (t *transfer) Read(p []byte) (int, error) {
	for {
		if t.body == nil {
			return 0, t.err
		}
		n, err := t.body.Read(p)
		t.at += int64(n)
		if err == io.EOF && t.sized && t.at < t.b.d.Size {
			err = io.ErrUnexpectedEOF
		}
		if err == nil || err == io.EOF {
			return n, err
		}
		if t.at >= t.b.d.Size { // all is there; the digest decides
			return n, io.EOF
		}
		if t.err = t.resume(err); t.err != nil || n > 0 {
			return n, t.err
		}
	}
}

// resume opens the rest of the blob after cause, or returns the error to end with.
func (t *transfer) resume(cause error) error {
	_ = t.body.Close()
	t.body = nil
	err := broken(t.ctx, cause, t.b.subject(), t.at)
	for t.resumes < maxResumes && errs.Of(err) == errs.Network {
		t.resumes++
		if err := t.b.r.pause(t.ctx, t.b.subject(), err.Error(), backoff(t.resumes)); err != nil {
			return err
		}
		body, sized, failure := t.b.fetch(t.ctx, t.at)
		if failure == nil {
			t.body, t.sized = body, sized
			return nil
		}
		if kind := errs.Of(failure); kind != errs.Network {
			if kind == errs.Unsupported { // no ranges here: the break is what ended it
				return err
			}
			return failure
		}
	}
	return err
}

// broken is the error of a body that broke off; one without a kind of its own is the network's.
func broken(ctx context.Context, cause error, subject string, at int64) error {
	err := transportError(ctx, cause, subject)
	if errs.Of(err) == errs.Internal {
		return errs.New(errs.Network, subject, "the transfer broke off at byte %d: %w", at, cause)
	}
	return err
}

func (t *transfer) Close() error {
	if t.body == nil {
		return nil
	}
	return t.body.Close()
}

// step is how many bytes are read between two yields.
const step = 64 << 10

// steady reads in steps and yields after each, for hosts that never preempt.
type steady struct {
	r     io.Reader
	yield func()
}

func (s *steady) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), step)])
	s.yield()
	return n, err
}

type steadyBody struct {
	*steady
	io.Closer
}

func itoa(n int) string { return strconv.Itoa(n) }
