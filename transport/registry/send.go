package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

const (
	// tries is how often a request is sent where the network or the registry fails; limitedTries, where the registry asks
	// for patience.
	tries        = 5
	limitedTries = 8
	firstWait    = 500 * time.Millisecond // doubles with each try
	maxBackoff   = 30 * time.Second
)

// outcome is what became of one request. A failure is of one of three classes: one that may pass because it is the network's
// or the registry's own (5xx), one that passes when the registry says so (429), and a real one, which is not tried again.
type outcome struct {
	resp  *fetchshim.Response // nil where err is not
	err   error
	again bool          // it may pass
	wait  time.Duration // until the next try
	tries int           // how often at most
}

// why says in a few words what happened.
func (o outcome) why() string {
	if o.err != nil {
		return o.err.Error()
	}
	return fmt.Sprintf("the registry answers %d", o.resp.Status)
}

// passing is an error that may pass.
type passing struct {
	error
	wait  time.Duration // before the next try
	tries int
}

func (p *passing) Unwrap() error { return p.error }

// send sends a request, and again where it failed in a way that may pass. So it must be one that can be repeated: GET, HEAD,
// DELETE, PUT of a manifest, and the POST that begins an upload, of which nobody sees the leftovers. It returns any other
// response; errors are of the kinds of [auth.Authenticator.Fetch], and name subject.
func (r *repository) send(ctx context.Context, t auth.Target, req *fetchshim.Request, subject string) (*fetchshim.Response, error) {
	for try := 1; ; try++ {
		o := r.c.attempt(ctx, t, req, subject, try)
		if !o.again || try >= o.tries || content.IsOnce(ctx) {
			return o.resp, o.err
		}
		if o.resp != nil {
			_ = o.resp.Body.Close()
		}
		if err := r.pause(ctx, subject, o.why(), o.wait); err != nil {
			return nil, err
		}
	}
}

// get sends a GET and reads the body of a 200 whole, at most limit bytes; again where it breaks off. Any other response has
// its body open, and the caller closes it in any case.
func (r *repository) get(ctx context.Context, req *fetchshim.Request, limit int64, subject string) (*fetchshim.Response, []byte, error) {
	for try := 1; ; try++ {
		resp, err := r.send(ctx, r.target, req, subject)
		if err != nil || resp.Status != 200 {
			return resp, nil, err
		}
		raw, err := r.c.readAll(ctx, resp, limit, subject)
		if err == nil {
			return resp, raw, nil
		}
		_ = resp.Body.Close()
		if errs.Of(err) != errs.Network || try >= tries || content.IsOnce(ctx) {
			return nil, nil, err
		}
		if err := r.pause(ctx, subject, err.Error(), backoff(try)); err != nil {
			return nil, nil, err
		}
	}
}

// attempt sends a request once, when the registry has no pause. A target of no origin stands for a host that gets no
// credential.
func (c *Client) attempt(ctx context.Context, t auth.Target, req *fetchshim.Request, subject string, try int) outcome {
	p := c.pace(t.Registry)
	if err := p.hold(ctx, c.o.Clock); err != nil {
		return outcome{err: errs.Wrap(subject, err)}
	}
	fetch := func() (*fetchshim.Response, error) { return c.auth.Fetch(ctx, t, req) }
	if t.Origin == "" {
		fetch = func() (*fetchshim.Response, error) { return c.o.Fetcher.Fetch(ctx, req) }
	}
	resp, err := fetch()
	if err != nil {
		err = transportError(ctx, err, subject)
		return outcome{err: err, again: transient(err), wait: backoff(try), tries: tries}
	}
	o := outcome{resp: resp, wait: backoff(try), tries: tries}
	switch resp.Status {
	case 500, 502, 503, 504:
		resp.Body = excerpt(resp.Body)
		o.again = resp.Status != 500 || fault(resp) == "" // the others speak of a registry that is not there
	case 429:
		o.again, o.tries = true, limitedTries
		resp.Body = excerpt(resp.Body)
	default:
		return o
	}
	wait, said := retryAfter(resp, c.o.Clock.Now())
	switch {
	case said && wait > c.o.MaxWait, resp.Status == 429 && exhausted(resp, c.o.MaxWait):
		o.again = false
	case said:
		o.wait = max(wait, firstWait/2) // microseconds are seen, and would use up the tries at once
	}
	if o.again && (said || resp.Status == 429) {
		p.rest(c.o.Clock.Now().Add(o.wait))
	}
	return o
}

// pause waits before the next try, counts it and says so.
func (r *repository) pause(ctx context.Context, subject, why string, wait time.Duration) error {
	r.retries.Add(1)
	why = strings.TrimPrefix(why, subject+": ")
	r.c.o.Event(event.Event{Kind: event.Retry, Subject: subject, Message: fmt.Sprintf("%s; trying again in %s", why, wait.Round(time.Millisecond))})
	return errs.Wrap(subject, r.c.o.Clock.Sleep(ctx, wait))
}

// backoff doubles and is spread by half, so that many clients of a registry that went down do not come back at once.
func backoff(try int) time.Duration {
	d := min(firstWait<<min(max(try-1, 0), 10), maxBackoff)
	return d/2 + rand.N(d)
}

// peeked is a body whose beginning was read.
type peeked struct {
	*bytes.Reader
	said []byte
}

func (peeked) Close() error { return nil }

// excerpt reads what a refusal says and closes it.
func excerpt(body io.ReadCloser) io.ReadCloser {
	raw, _ := io.ReadAll(io.LimitReader(body, oci.MaxError)) // what came before an error is all there is
	_ = body.Close()
	return peeked{bytes.NewReader(raw), raw}
}

// fault is what a body that was read says is wrong with the request, whatever the status of the response; "" for nothing.
func fault(resp *fetchshim.Response) distspec.Code {
	p, _ := resp.Body.(peeked)
	return distspec.Fault(p.said)
}

func said(resp *fetchshim.Response) string {
	p, _ := resp.Body.(peeked)
	return distspec.ErrorText(p.said)
}

// transportError gives an error without a response its kind.
func transportError(ctx context.Context, err error, subject string) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) { // which is not this request's, but of what is copied beside it
		return errs.New(errs.Of(ctx.Err()), subject, "%w", ctx.Err())
	}
	var known *errs.Error
	if errors.As(err, &known) {
		return errs.Wrap(subject, err)
	}
	kind := errs.Of(err)
	var fault *fetchshim.Fault
	if errors.As(err, &fault) {
		switch fault.Kind {
		case fetchshim.Network, fetchshim.Timeout:
			kind = errs.Network
		case fetchshim.Refused:
			kind = errs.Denied
		case fetchshim.Unsupported:
			kind = errs.Unsupported
		case fetchshim.Cancelled:
			kind = errs.Cancelled
		}
	}
	if kind == errs.Internal && ctx.Err() != nil {
		kind = errs.Of(ctx.Err())
	}
	e := errs.New(kind, subject, "%w", err)
	if hint, _ := lasts(err); hint != "" {
		e = e.Hinted("%s", hint)
	}
	return e
}

// transient says whether an error may pass: one of the network for no reason that stays, or of a token server that is overloaded.
func transient(err error) bool {
	if _, ok := lasts(err); ok {
		return false
	}
	var fault *fetchshim.Fault
	var busy *auth.Busy
	return errors.As(err, &fault) && (fault.Kind == fetchshim.Network || fault.Kind == fetchshim.Timeout) || errors.As(err, &busy)
}
