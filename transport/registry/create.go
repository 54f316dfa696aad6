package registry

import (
	"context"
	"sync"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// creations remembers which repositories were made. The zero value is ready.
type creations struct {
	mu sync.Mutex
	m  map[string]*creation
}

type creation struct {
	mu   sync.Mutex
	done bool
	err  error
}

// once makes the repository the first time, and gives what came of it after that. An attempt that its context ended says nothing.
func (c *creation) once(ctx context.Context, create func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done {
		c.err = create()
		c.done = ctx.Err() == nil
	}
	return c.err
}

func (c *creations) of(name string) *creation {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = map[string]*creation{}
	}
	if c.m[name] == nil {
		c.m[name] = &creation{}
	}
	return c.m[name]
}

// creating sends a request of a push, and once more where the repository had to be made first.
func (r *repository) creating(ctx context.Context, send func() (*fetchshim.Response, error)) (*fetchshim.Response, error) {
	resp, err := send()
	if r.c.o.Create == nil || !(err == nil && missing(resp.Status) || refused(err)) {
		return resp, err
	}
	if err == nil {
		_ = resp.Body.Close()
	}
	made := r.c.made.of(r.name).once(ctx, func() error { return r.c.o.Create(ctx, r.target.Registry, r.ref.Repository) })
	if made != nil {
		return nil, errs.Wrap(r.name, made)
	}
	return send()
}

// missing says whether a push was answered as it is where there is no such repository: 404 NAME_UNKNOWN, or a refusal by a
// registry that does not tell what does not exist from what one may not see.
func missing(status int) bool { return status == 404 || status == 401 || status == 403 }

func refused(err error) bool {
	kind := errs.Of(err)
	return kind == errs.Unauthorized || kind == errs.Denied
}
