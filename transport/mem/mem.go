// Package mem is a repository in memory, the scheme mem: of tests and of programs that make images and hand them on.
package mem

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// Repository holds manifests, tags and blobs. It is a [content.Source], [content.Resolver] and [content.TagLister], and
// is written through [Repository.Sink]. Use New.
type Repository struct {
	files *memfs.FS
	blobs *store.Store

	mu   sync.RWMutex
	docs []oci.Document
	tags []tag // in the order they were first given
}

type tag struct {
	name string
	doc  oci.Document
}

// New makes an empty repository.
func New() *Repository {
	files := memfs.New()
	return &Repository{files: files, blobs: store.New(files)}
}

// Manifest returns the manifest of a tag or digest; for "" the tag latest, or the only tag, or the only manifest.
func (r *Repository) Manifest(_ context.Context, name string) (oci.Document, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if oci.CheckDigest(name) == nil {
		d := digest.Digest(name)
		for _, doc := range r.docs {
			if d.Algorithm().FromBytes(doc.Raw) == d {
				return doc.Under(d), nil
			}
		}
		return oci.Document{}, errs.New(errs.NotFound, name, "is no manifest in memory")
	}
	if doc, ok := r.tagged(name); ok {
		return doc, nil
	}
	if name != "" {
		return oci.Document{}, errs.New(errs.NotFound, name, "is no tag in memory")
	}
	if doc, ok := r.tagged(ref.DefaultTag); ok {
		return doc, nil
	}
	switch {
	case len(r.tags) == 1:
		return r.tags[0].doc, nil
	case len(r.docs) == 1:
		return r.docs[0], nil
	case len(r.docs) == 0:
		return oci.Document{}, errs.New(errs.NotFound, "", "there is no image in memory")
	}
	return oci.Document{}, errs.New(errs.Input, "", "there are %d manifests in memory and none is named", len(r.docs))
}

func (r *Repository) tagged(name string) (oci.Document, bool) {
	i := slices.IndexFunc(r.tags, func(t tag) bool { return t.name == name })
	if i < 0 {
		return oci.Document{}, false
	}
	return r.tags[i].doc, true
}

// Resolve returns the descriptor of what name names.
func (r *Repository) Resolve(ctx context.Context, name string) (v1.Descriptor, error) {
	return content.Describe(ctx, r, name)
}

// Tags lists the tags in the order they were first given.
func (r *Repository) Tags(_ context.Context, last string) iter.Seq2[string, error] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var names []string
	for _, t := range r.tags {
		names = append(names, t.name)
	}
	return content.After(names, last, "mem:")
}

// Referrers implements [content.ReferrerLister], in the order in which they came.
func (r *Repository) Referrers(_ context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	r.mu.RLock()
	docs := slices.Clone(r.docs)
	r.mu.RUnlock()
	return func(yield func(v1.Descriptor, error) bool) {
		for _, doc := range docs {
			if d, ok := doc.Referrer(subject); ok && !yield(d, nil) {
				return
			}
		}
	}
}

// StatBlob implements [content.BlobStatter].
func (r *Repository) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	return fsys.StatBlob(ctx, d, r.open)
}

// Blob is also a [content.RangeOpener].
func (r *Repository) Blob(d v1.Descriptor) content.Blob { return fsys.Blob{D: d, Find: r.open} }

func (r *Repository) open(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
	f, err := r.files.Open(ctx, layout.BlobPath(d.Digest))
	return f, fsys.Kinded(d.Digest.String(), err)
}

// Close does nothing: what is in memory stays for the next reader.
func (r *Repository) Close() error { return nil }
