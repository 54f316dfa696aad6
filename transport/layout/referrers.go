package layout

import (
	"context"
	"iter"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Referrers implements [content.ReferrerLister]. A layout has no such list: oras makes each referrer an entry of index.json, and
// regctl writes the tag that stands in for the API. Both are looked at; the entries are read once for all subjects.
func (s *Source) Referrers(ctx context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return func(yield func(v1.Descriptor, error) bool) {
		if err := oci.CheckDigest(subject.String()); err != nil {
			yield(v1.Descriptor{}, errs.Wrap(s.subject, err))
			return
		}
		found, err := s.entriesAbout(ctx, subject)
		if err == nil {
			err = s.tagged(ctx, subject, &found)
		}
		if err != nil {
			yield(v1.Descriptor{}, err)
			return
		}
		for _, d := range found {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// entriesAbout are the entries whose manifests refer to subject.
func (s *Source) entriesAbout(ctx context.Context, subject digest.Digest) ([]v1.Descriptor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.about == nil {
		about := map[digest.Digest][]v1.Descriptor{}
		for _, e := range named(s.entries, nil) {
			_, doc, err := s.read(ctx, e.Digest.String())
			switch errs.Of(err) {
			case "":
			case errs.NotFound, errs.Input, errs.Unsupported:
				continue // an entry of another kind, or one that is not there: it refers to nothing
			default:
				return nil, err
			}
			if of, ok := doc.Subject(); ok {
				d, _ := doc.Referrer(of.Digest)
				d.Digest = e.Digest
				about[of.Digest] = append(about[of.Digest], d)
			}
		}
		s.about = about
	}
	return slices.Clone(s.about[subject]), nil
}

// tagged adds what the tag lists that stands in for the API.
func (s *Source) tagged(ctx context.Context, subject digest.Digest, found *[]v1.Descriptor) error {
	tag := content.ReferrersTag(subject)
	if len(named(s.entries, func(n string) bool { return n == tag })) != 1 {
		return nil
	}
	doc, err := s.Manifest(ctx, tag)
	if err != nil || !doc.IsIndex() {
		return err
	}
	x, err := doc.Index()
	for _, d := range x.Manifests {
		if !slices.ContainsFunc(*found, func(o v1.Descriptor) bool { return o.Digest == d.Digest }) {
			*found = append(*found, d)
		}
	}
	return errs.Wrap(s.subject, err)
}
