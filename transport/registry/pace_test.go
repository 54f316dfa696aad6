package registry_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
)

// gateClock stands still until it is moved; Sleep waits for that.
type gateClock struct {
	mu    sync.Mutex
	now   time.Time
	asked chan time.Duration // how long somebody is about to sleep
	moved chan struct{}      // closed and made anew when the time moves
}

func newGate() *gateClock {
	return &gateClock{now: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), asked: make(chan time.Duration, 100), moved: make(chan struct{})}
}

func (c *gateClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *gateClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	close(c.moved)
	c.moved = make(chan struct{})
}

func (c *gateClock) Sleep(ctx context.Context, d time.Duration) error {
	until := c.Now().Add(d)
	c.asked <- d
	for {
		c.mu.Lock()
		now, moved := c.now, c.moved
		c.mu.Unlock()
		if !now.Before(until) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *gateClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// TestOnePauseForAll: when a registry asks for patience, no job sends it anything until then; another registry does not mind.
func TestOnePauseForAll(t *testing.T) {
	clock := newGate()
	limited := true
	r := newRig(t, "r.example/a:v1", func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		if limited {
			limited = false
			return answer(429, "", "Retry-After: 20"), nil
		}
		return answer(200, manifest, asJSON), nil
	}, func(o *registry.Options) { o.Clock = clock })
	done := make(chan error)
	get := func(name string) {
		_, err := r.client.Repository(parse(t, name)).Manifest(t.Context(), "v1")
		done <- err
	}
	go get("r.example/a:v1")
	require.Equal(t, 20*time.Second, <-clock.asked)
	go get("r.example/b:v1")
	require.Equal(t, 20*time.Second, <-clock.asked, "the second job waits before it asks")
	go get("other.example/a:v1")
	require.NoError(t, <-done)
	require.Len(t, r.sent(), 2)
	clock.move(5 * time.Second)
	require.Len(t, r.sent(), 2)
	clock.move(15 * time.Second)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Len(t, r.sent(), 4)
	require.Len(t, r.events, 1)
}

func TestQuota(t *testing.T) {
	slow := `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`
	hub := `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}]}`
	ok := says(200, manifest, asJSON)
	for name, c := range map[string]struct {
		f        fetchshim.Func
		says     []string // nil where it ends well
		requests int
	}{
		"patience":              {script(says(429, slow), says(429, slow), says(429, slow), says(429, slow), says(429, slow), says(429, slow), ok), nil, 7},
		"no end of it":          {script(says(429, slow)), []string{"rate limited", "slow down"}, 8},
		"Docker Hub's quota":    {script(says(429, hub)), []string{"pull rate limit", "log in for a larger one"}, 1},
		"Docker Hub's headers":  {script(says(429, slow, "RateLimit-Limit: 100;w=21600", "RateLimit-Remaining: 0;w=21600")), []string{"100 requests in 6h0m0s are allowed", "quota of r.example"}, 1},
		"a short window":        {script(says(429, slow, "RateLimit-Remaining: 0;w=10"), ok), nil, 2},
		"GitHub's text":         {script(says(429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 711.421µs, allowed: 44000/minute"}]}`), ok), nil, 2},
		"a Unix time, soon":     {script(says(429, slow, "X-Retry-After: 1735787055"), ok), nil, 2},
		"a Unix time, tomorrow": {script(says(429, slow, "X-Retry-After: 1735873455")), []string{"retry after 24h"}, 1},
		"nonsense":              {script(says(429, slow, "Retry-After: soon"), ok), nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a:v1", c.f, nil)
			_, err := r.Manifest(t.Context(), "v1")
			require.Len(t, r.requests, c.requests)
			if c.says == nil {
				require.NoError(t, err)
				return
			}
			requireKind(t, errs.RateLimited, err, c.says...)
		})
	}
}

// TestTokenServerIsTriedAgain, where it is overloaded and not where it refuses.
func TestTokenServerIsTriedAgain(t *testing.T) {
	for status, want := range map[int]errs.Kind{503: "", 429: "", 403: errs.Denied} {
		asked := 0
		r := newRig(t, "r.example/a:v1", func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
			switch {
			case req.Header.Get("Authorization") != "":
				return answer(200, manifest, asJSON), nil
			case req.URL != "https://auth.example/token?scope=x":
				return answer(401, "", `WWW-Authenticate: Bearer realm="https://auth.example/token",scope="x"`), nil
			}
			if asked++; asked < 3 {
				return answer(status, "busy"), nil
			}
			return answer(200, `{"token":"t"}`), nil
		}, nil)
		_, err := r.Manifest(t.Context(), "v1")
		require.Equal(t, want, errs.Of(err), "%v", err)
	}
}

// stuck is a body that gives what it has and then nothing until its context ends.
type stuck struct {
	ctx  context.Context
	left string
}

func (s *stuck) Read(p []byte) (int, error) {
	if s.left == "" {
		<-s.ctx.Done()
		return 0, &fetchshim.Fault{Kind: fetchshim.Cancelled, Err: s.ctx.Err()}
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	return n, nil
}

func (s *stuck) Close() error { return nil }

// TestSilence: a request is given up when nothing has moved for the limit, and gone on with; what is merely slow is not.
func TestSilence(t *testing.T) {
	clock := newGate()
	b := letter
	n := 0
	r := newRig(t, "r.example/a:v1", func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		n++
		switch n {
		case 1: // no head
			<-ctx.Done()
			return nil, &fetchshim.Fault{Kind: fetchshim.Cancelled, Err: ctx.Err()}
		case 2:
			resp := answer(200, "", "Content-Length: 10")
			resp.Body = &stuck{ctx, "abc"}
			return resp, nil
		}
		require.Equal(t, "bytes=3-", req.Header.Get("Range"))
		return answer(206, letters[3:], "Content-Range: bytes 3-9/10"), nil
	}, func(o *registry.Options) { o.Clock, o.Inactivity = clock, 30*time.Second })
	go func() {
		for { // whoever sleeps is woken; nobody sleeps while bytes move
			select {
			case d := <-clock.asked:
				clock.move(d)
			case <-t.Context().Done():
				return
			}
		}
	}()
	rc, err := r.Blob(b.Descriptor).Open(t.Context())
	require.NoError(t, err)
	got, err := io.ReadAll(rc)
	require.NoError(t, err)
	require.NoError(t, rc.Close())
	require.Equal(t, letters, string(got))
	require.Len(t, r.events, 2)
	for _, e := range r.events {
		require.Contains(t, e.Message, "no byte for ")
	}
}
