package mem

import (
	"context"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// Sink writes to the repository. Blobs are kept at once, manifests and tags are there with Commit.
func (r *Repository) Sink() content.Sink { return &sink{r: r} }

type sink struct {
	store.Changes
	r *Repository

	mu   sync.Mutex
	docs []oci.Document
	tags []tag
}

func (s *sink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	return store.Put(ctx, s.r.blobs, b)
}

func (s *sink) PutManifest(_ context.Context, name string, doc oci.Document) error {
	if oci.CheckDigest(name) == nil { // it is found by its bytes, whatever the algorithm
		doc, name = doc.Under(digest.Digest(name)), ""
	}
	if name != "" && !ref.ValidTag(name) {
		return errs.New(errs.Input, name, "is not a tag")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs = append(s.docs, doc)
	if name != "" {
		s.tags = append(s.tags, tag{name, doc})
	}
	return nil
}

func (s *sink) Commit(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, doc := range s.docs {
		if !slices.ContainsFunc(s.r.docs, func(d oci.Document) bool { return d.Digest() == doc.Digest() }) {
			s.r.docs = append(s.r.docs, doc)
			s.Note(doc)
		}
	}
	for _, t := range s.tags {
		i := slices.IndexFunc(s.r.tags, func(o tag) bool { return o.name == t.name })
		if i < 0 || s.r.tags[i].doc.Digest() != t.doc.Digest() {
			s.Note(t.doc)
		}
		if i >= 0 {
			s.r.tags[i] = t
		} else {
			s.r.tags = append(s.r.tags, t)
		}
	}
	s.docs, s.tags = nil, nil
	return nil
}

func (s *sink) Close() error { return nil }
