package registry

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// refer makes doc be found as a referrer of its subject (spec.md, "Pushing Manifests with Subject"): a registry that has the
// list of referrers says so by OCI-Subject, for the others, as GHCR and Docker Hub, the client keeps a tag that lists them.
func (s *sink) refer(ctx context.Context, resp *fetchshim.Response, doc oci.Document) error {
	subject, ok := doc.Subject()
	if !ok || resp.Header.Get("OCI-Subject") != "" {
		return nil
	}
	// A registry may list referrers and not say so, and a page may not see the header.
	if lists, err := s.lists(ctx, subject); lists || err != nil {
		return err
	}
	d, _ := doc.Referrer(subject.Digest)
	return s.list(ctx, content.ReferrersTag(subject.Digest), d)
}

// lists says whether the registry answers the list of referrers, be it an empty one.
func (s *sink) lists(ctx context.Context, subject v1.Descriptor) (bool, error) {
	for _, err := range s.Referrers(ctx, subject.Digest) {
		if errs.Of(err) == errs.Unsupported {
			return false, nil
		}
		return err == nil, err
	}
	return true, nil
}

// list adds d to the index of a tag, and leaves what is there as it is. Sinks of one process take turns; another process that does
// the same at the same moment may win, as with every client that keeps this tag: the specification has no lock.
func (s *sink) list(ctx context.Context, tag string, d v1.Descriptor) error {
	s.c.listing.Lock()
	defer s.c.listing.Unlock()
	doc, err := s.Manifest(ctx, tag)
	switch {
	case errs.Of(err) == errs.NotFound:
		raw, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{d}})
		if err != nil {
			return errs.New(errs.Internal, s.name, "%w", err)
		}
		return s.push(ctx, tag, oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: raw})
	case err != nil:
		return err
	case !doc.IsIndex():
		return errs.New(errs.Input, s.subject(tag), "is the tag of the list of referrers, and it names no index")
	}
	x, err := doc.Index()
	if err != nil {
		return errs.Wrap(s.subject(tag), err)
	}
	if slices.ContainsFunc(x.Manifests, func(o v1.Descriptor) bool { return o.Digest == d.Digest }) {
		return nil
	}
	return s.extend(ctx, tag, doc, d)
}

// forget takes a referrer that was deleted out of the tag that lists those of its subject, and the tag away with the last one.
func (s *sink) forget(ctx context.Context, subject v1.Descriptor, d digest.Digest) error {
	if lists, err := s.lists(ctx, subject); lists || err != nil {
		return err
	}
	s.c.listing.Lock()
	defer s.c.listing.Unlock()
	tag := content.ReferrersTag(subject.Digest)
	doc, err := s.Manifest(ctx, tag)
	if errs.Of(err) == errs.NotFound {
		return nil
	}
	if err != nil || !doc.IsIndex() {
		return err
	}
	x, err := doc.Index()
	if err != nil {
		return errs.Wrap(s.subject(tag), err)
	}
	gone := func(o v1.Descriptor) bool { return o.Digest == d }
	switch {
	case !slices.ContainsFunc(x.Manifests, gone):
		return nil
	case !slices.ContainsFunc(x.Manifests, func(o v1.Descriptor) bool { return !gone(o) }):
		return s.deleteManifest(ctx, doc.Digest())
	}
	return s.rewrite(ctx, tag, doc, func(entries []json.RawMessage) []json.RawMessage {
		var kept []json.RawMessage
		for i, e := range entries {
			if !gone(x.Manifests[i]) {
				kept = append(kept, e)
			}
		}
		return kept
	})
}

// extend adds d to the index of a tag.
func (s *sink) extend(ctx context.Context, tag string, doc oci.Document, d v1.Descriptor) error {
	entry, err := json.Marshal(d)
	if err != nil {
		return errs.New(errs.Internal, s.name, "%w", err)
	}
	return s.rewrite(ctx, tag, doc, func(entries []json.RawMessage) []json.RawMessage { return append(entries, entry) })
}

// rewrite changes the entries of the index of a tag, and keeps its members and the entries that nobody here knows.
func (s *sink) rewrite(ctx context.Context, tag string, doc oci.Document, change func([]json.RawMessage) []json.RawMessage) error {
	o, err := oci.ParseObject(doc.Raw, s.subject(tag))
	if err != nil {
		return err
	}
	var entries []json.RawMessage
	if err := oci.Unmarshal(o.Get("manifests"), &entries); err != nil {
		return errs.New(errs.Input, s.subject(tag), "manifests: %v", err)
	}
	if err := o.Set("manifests", change(entries)); err != nil {
		return err
	}
	raw, err := o.Bytes()
	if err != nil {
		return err
	}
	return s.push(ctx, tag, oci.Document{MediaType: doc.MediaType, Raw: raw})
}
