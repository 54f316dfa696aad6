package registry

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// enough is how many bytes have to come between two breaks for the second not to count as a failure after the first.
const enough = 1 << 20

// transfer reads a blob's body, and a new one from where it was when the body breaks off.
type transfer struct {
	ctx      context.Context
	b        *blob
	body     io.ReadCloser // nil when it broke and could not be opened again
	err      error         // why
	at       int64         // bytes of the blob that were passed on, those before the first offset included
	end      int64         // where it ends
	sized    bool
	whole    bool  // the registry answered with the whole blob
	budget   int64 // bytes that may still be thrown away
	failures int   // breaks in a row
	reached  int64 // by the first of them
}

// fetch opens the body from where the transfer has come to. Where the registry serves no ranges, or wrong ones, that is by
// reading the blob from its start again.
func (t *transfer) fetch() error {
	err := t.request(t.at > 0 || t.end < t.b.d.Size)
	if _, other := err.(otherRange); other {
		err = t.request(false)
	}
	if other, ok := err.(otherRange); ok {
		err = other.error
	}
	return err
}

func (t *transfer) request(ranged bool) error {
	b := t.b
	req := b.r.request("GET", distspec.Blob, b.d.Digest.String())
	switch {
	case ranged && t.end < b.d.Size:
		req.Header.Add("Range", fmt.Sprintf("bytes=%d-%d", t.at, t.end-1))
	case ranged:
		req.Header.Add("Range", fmt.Sprintf("bytes=%d-", t.at))
	}
	resp, err := b.r.send(t.ctx, b.r.target, req, b.subject())
	if err != nil {
		return err
	}
	body := steadyBody{&steady{r: resp.Body, yield: b.r.c.o.Yield}, resp.Body}
	got, err := b.check(resp, t.at, t.end)
	if err == nil {
		err = t.skip(body, got.skip)
	}
	if err != nil {
		_ = body.Close()
		return err
	}
	t.body, t.sized, t.whole = body, got.sized, resp.Status == 200
	return nil
}

// skip reads what came before and throws it away, within the budget.
func (t *transfer) skip(body io.Reader, n int64) error {
	if n > t.budget {
		return errs.New(errs.Unsupported, t.b.subject(), "the registry serves no ranges, and %d bytes are too many to read again", n)
	}
	t.budget -= n
	if got, err := io.CopyN(io.Discard, body, n); err != nil {
		return broken(t.ctx, err, t.b.subject(), got)
	}
	return nil
}

func (t *transfer) Read(p []byte) (int, error) {
	for {
		switch {
		case t.body == nil:
			return 0, t.err
		case t.end < t.b.d.Size: // what is a part may be answered with the whole
			if p = p[:min(int64(len(p)), t.end-t.at)]; t.at == t.end {
				return 0, io.EOF
			}
		}
		n, err := t.body.Read(p)
		t.at += int64(n)
		if err == io.EOF && t.sized && t.at < t.end {
			err = io.ErrUnexpectedEOF
		}
		if err == nil || err == io.EOF {
			return n, err
		}
		if t.at >= t.end { // all is there; the digest decides
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
	for errs.Of(err) == errs.Network {
		if t.failures++; t.failures == 1 || t.at >= t.reached+enough {
			t.failures, t.reached = 1, t.at
		}
		if t.failures >= tries {
			break
		}
		if stopped := t.b.r.pause(t.ctx, t.b.subject(), err.Error(), backoff(t.failures)); stopped != nil {
			return stopped
		}
		failure := t.fetch()
		switch errs.Of(failure) {
		case "":
			return nil
		case errs.Unsupported: // no ranges here: the break is what ended it
			return err
		}
		if _, stays := lasts(failure); stays {
			return failure
		}
		err = failure
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
	if s.yield == nil {
		return s.r.Read(p)
	}
	n, err := s.r.Read(p[:min(len(p), step)])
	s.yield()
	return n, err
}

type steadyBody struct {
	*steady
	io.Closer
}

func itoa(n int) string { return strconv.Itoa(n) }
