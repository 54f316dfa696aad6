package registry

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// pace is what is known of one registry. When it asks for patience, all jobs that use it wait together: each that went on
// by itself would use up what the others wait for.
type pace struct {
	plain     atomic.Bool // it does not understand a mount without from
	mountless atomic.Bool // it did not mount what it was asked to

	mu    sync.Mutex
	until time.Time
}

func (c *Client) pace(registry string) *pace {
	p, _ := c.paces.LoadOrStore(registry, &pace{})
	return p.(*pace)
}

// rest keeps every request back until a time.
func (p *pace) rest(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.until) {
		p.until = until
	}
}

// hold waits as long as the registry asked for.
func (p *pace) hold(ctx context.Context, c clock.Clock) error {
	for {
		p.mu.Lock()
		wait := p.until.Sub(c.Now())
		p.mu.Unlock()
		if wait <= 0 {
			return nil
		}
		if err := c.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// retryAfter is how long a response asks to wait: by its header, or, as GitHub's registry does, in its text.
func retryAfter(resp *fetchshim.Response, now time.Time) (time.Duration, bool) {
	for _, name := range []string{"Retry-After", "X-Retry-After"} { // the second is Docker Hub's, a Unix time
		if d, ok := distspec.RetryAfter(resp.Header.Get(name), now); ok {
			return d, true
		}
	}
	_, rest, ok := strings.Cut(strings.ToLower(said(resp)), "retry-after: ")
	if !ok {
		return 0, false
	}
	value, _, _ := strings.Cut(rest, ",")
	return distspec.RetryAfter(value, now)
}

// exhausted says whether a quota is used up that comes back later than anybody waits. Trying again would only use up what
// comes back. Docker Hub says it in its text (https://docs.docker.com/docker-hub/usage/pulls/), and sends ratelimit headers.
func exhausted(resp *fetchshim.Response, patience time.Duration) bool {
	if strings.Contains(said(resp), "pull rate limit") {
		return true
	}
	left, window, ok := distspec.ParseRateLimit(resp.Header.Get("RateLimit-Remaining"))
	return ok && left == 0 && window > patience
}
