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
	once sync.Once
	err  error
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
	made := r.c.made.of(r.name)
	made.once.Do(func() { made.err = r.c.o.Create(ctx, r.target.Registry, r.ref.Repository) })
	if made.err != nil {
		return nil, errs.Wrap(r.name, made.err)
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
