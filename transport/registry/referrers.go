package registry

import (
	"context"
	"iter"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Referrers implements [content.ReferrerLister] (spec.md, "Listing Referrers"). Kind unsupported where the registry has no
// such endpoint, which is asked for once in each repository.
func (r *repository) Referrers(ctx context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return func(yield func(v1.Descriptor, error) bool) {
		if err := oci.CheckDigest(subject.String()); err != nil {
			yield(v1.Descriptor{}, errs.Wrap(r.name, err))
			return
		}
		w := walk{r: r, field: "referrers", one: "referrer", subject: r.blobName(subject), seen: map[string]bool{}}
		if _, known := r.c.unlisted.Load(r.name); known {
			yield(v1.Descriptor{}, w.unlisted())
			return
		}
		for next := r.request("GET", distspec.Referrers, subject.String()).URL; next != ""; {
			list, following, err := w.referrers(ctx, next)
			if err != nil {
				yield(v1.Descriptor{}, err)
				return
			}
			for _, d := range list {
				if !yield(d, nil) {
					return
				}
			}
			next = following
		}
	}
}

func (w *walk) unlisted() error {
	return errs.New(errs.Unsupported, w.subject, "the registry does not list referrers")
}

// referrers reads one page and the URL of the next, or "".
func (w *walk) referrers(ctx context.Context, pageURL string) ([]v1.Descriptor, string, error) {
	w.seen[pageURL] = true
	req := w.r.request("GET", distspec.Referrers, "")
	req.URL = pageURL
	req.Header.Add("Accept", v1.MediaTypeImageIndex)
	resp, raw, err := w.r.get(ctx, req, maxPage, w.subject)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	switch resp.Status {
	case 200:
	case 404, 400, 405, 406, 501: // 404 by the specification
		resp.Body = excerpt(resp.Body) // what is read to its end leaves its connection to the next request
		if resp.Status != 400 && !strings.Contains(said(resp), string(distspec.NameUnknown)) {
			w.r.c.unlisted.Store(w.r.name, true) // whatever the subject
		}
		return nil, "", w.unlisted()
	default:
		return nil, "", w.r.failed(resp, w.subject, w.field)
	}
	if isHTML(resp.Header.Get("Content-Type"), raw) { // a page for every path, as web applications have
		return nil, "", w.unlisted()
	}
	var x v1.Index
	if err := oci.Unmarshal(raw, &x); err != nil {
		return nil, "", errs.New(errs.Input, w.subject, "the list of referrers is malformed: %v", err)
	}
	var first, last string
	for i, d := range x.Manifests {
		if err := oci.CheckDescriptor(d); err != nil {
			return nil, "", errs.Wrap(w.subject+": referrers", err)
		}
		if last = d.Digest.String(); i == 0 {
			first = last
		}
	}
	w.size += int64(len(raw))
	next, err := w.next(first, last, distspec.NextLink(resp.Header.Values("Link"), pageURL))
	return x.Manifests, next, err
}
