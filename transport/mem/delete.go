package mem

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// DeleteTag implements [content.Deleter].
func (r *Repository) DeleteTag(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.tags)
	r.tags = slices.DeleteFunc(r.tags, func(t tag) bool { return t.name == name })
	if len(r.tags) == n {
		return errs.New(errs.NotFound, name, "is no tag in memory")
	}
	return nil
}

// DeleteManifest implements [content.Deleter].
func (r *Repository) DeleteManifest(_ context.Context, d digest.Digest) error {
	if err := oci.CheckDigest(d.String()); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	is := func(doc oci.Document) bool { return d.Algorithm().FromBytes(doc.Raw) == d }
	n := len(r.docs)
	r.docs = slices.DeleteFunc(r.docs, is)
	if len(r.docs) == n {
		return errs.New(errs.NotFound, d.String(), "is no manifest in memory")
	}
	r.tags = slices.DeleteFunc(r.tags, func(t tag) bool { return is(t.doc) })
	return nil
}

// DeleteBlob implements [content.Deleter].
func (r *Repository) DeleteBlob(ctx context.Context, d digest.Digest) error {
	if _, err := r.StatBlob(ctx, d); err != nil {
		return err
	}
	return r.blobs.Delete(ctx, d)
}
