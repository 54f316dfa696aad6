package store

import (
	"context"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Changes remembers which manifests were not there as they were put, for a Sink that is a [content.Changer]. The zero value is
// ready, and safe for concurrent use.
type Changes struct {
	mu   sync.Mutex
	made map[digest.Digest]bool // by [oci.Document.Digest]
}

// Note remembers that doc was not there.
func (c *Changes) Note(doc oci.Document) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made = map[digest.Digest]bool{}
	}
	c.made[doc.Digest()] = true
}

// Changed implements [content.Changer].
func (c *Changes) Changed(doc oci.Document) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made[doc.Digest()]
}

// Update is the function [Update] for a manifest.
func (c *Changes) Update(ctx context.Context, dir fsys.WritableDir, name string, doc oci.Document) error {
	changed, err := Update(ctx, dir, name, doc.Raw)
	if changed {
		c.Note(doc)
	}
	return err
}
