package registry

import (
	"context"
	"sync"

	"github.com/stevedore-oci/stevedore/core/oci"
)

// pushesAtOnce is how many manifests of one index are under way.
const pushesAtOnce = 8

// children are the pushes of manifests by their digests that are under way. An index with an image and an attestation for each of
// ten platforms would cost twenty round trips, one after the other.
type children struct {
	slots chan struct{}
	wg    sync.WaitGroup

	mu  sync.Mutex
	err error // of the first that failed
}

// alone says whether nothing but an index, or a tag, has to find doc. A list of referrers has an order, and its manifests wait.
func alone(doc oci.Document) bool {
	_, refers := doc.Subject()
	return !doc.IsIndex() && !refers
}

// push has do called soon, and returns the error of one before.
func (c *children) push(ctx context.Context, do func() error) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		<-c.slots
		return c.err
	}
	c.wg.Go(func() {
		defer func() { <-c.slots }()
		if err := do(); err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.err == nil {
				c.err = err
			}
		}
	})
	return nil
}

// wait returns when all have ended, with the error of the first that failed since the last wait.
func (c *children) wait() error {
	c.wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.err
	c.err = nil
	return err
}
