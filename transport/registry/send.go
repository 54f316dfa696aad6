package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

const (
	tries     = 3
	firstWait = 500 * time.Millisecond // doubles with each try
	// maxWait is the longest Retry-After that is waited for; a longer one is told to whoever asked.
	maxWait = 30 * time.Second
)

// send sends a GET or HEAD, again where the network or the registry failed in a way that may pass. It returns any
// response but those; errors are of the kinds of [auth.Authenticator.Fetch], and name subject.
func (c *Client) send(ctx context.Context, t auth.Target, req *fetchshim.Request, subject string) (*fetchshim.Response, error) {
	for try := 1; ; try++ {
		resp, err := c.auth.Fetch(ctx, t, req)
		if err != nil {
			err = transportError(ctx, err, subject)
			if try == tries || !transient(err) {
				return nil, err
			}
			if err := c.pause(ctx, subject, err.Error(), backoff(try)); err != nil {
				return nil, err
			}
			continue
		}
		wait, again := retryAfter(resp, try, c.o.Clock.Now())
		if !again || try == tries || wait > maxWait {
			return resp, nil
		}
		_ = resp.Body.Close()
		if err := c.pause(ctx, subject, fmt.Sprintf("the registry answers %d", resp.Status), wait); err != nil {
			return nil, err
		}
	}
}

// pause waits before the next try and says so.
func (c *Client) pause(ctx context.Context, subject, why string, wait time.Duration) error {
	c.o.Event(event.Event{Kind: event.Retry, Subject: subject, Message: fmt.Sprintf("%s; trying again in %s", why, wait.Round(time.Millisecond))})
	return errs.Wrap(subject, c.o.Clock.Sleep(ctx, wait))
}

// backoff doubles and is spread by half, so that many clients of a registry that went down do not come back at once.
func backoff(try int) time.Duration {
	d := firstWait << (try - 1)
	return d/2 + rand.N(d)
}

// retryAfter says whether a status may pass, and when to try again.
func retryAfter(resp *fetchshim.Response, try int, now time.Time) (time.Duration, bool) {
	switch resp.Status {
	case 429, 500, 502, 503, 504:
	default:
		return 0, false
	}
	if d, ok := distspec.RetryAfter(resp.Header.Get("Retry-After"), now); ok {
		return d, true
	}
	return backoff(try), true
}

// transportError gives an error without a response its kind.
func transportError(ctx context.Context, err error, subject string) error {
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
	return errs.New(kind, subject, "%w", err)
}

// transient says whether an error may pass: one of the network, and none that a registry gave.
func transient(err error) bool {
	var fault *fetchshim.Fault
	return errors.As(err, &fault) && (fault.Kind == fetchshim.Network || fault.Kind == fetchshim.Timeout)
}
