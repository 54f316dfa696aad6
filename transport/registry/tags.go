package registry

import (
	"context"
	"errors"
	"iter"
	"net/url"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

const (
	pageSize = "1000"    // tags asked for at once
	maxPage  = 8 << 20   // bytes; some registries answer every tag in one page, whatever is asked
	maxList  = 256 << 20 // bytes of all pages
	maxPages = 10_000
	maxEmpty = 16 // pages in a row without a tag
)

// Tags implements [content.TagLister] (spec.md, "Listing Tags"). The order is the registry's, lexical by the
// specification. A list that does not end is an error of kind input.
func (r *repository) Tags(ctx context.Context, last string) iter.Seq2[string, error] {
	subject := r.name
	if r.ref.Typed != "" {
		subject = r.ref.Typed
	}
	return walk{r: r, kind: distspec.Tags, field: "tags", one: "tag", subject: subject, valid: ref.ValidTag}.names(ctx, last)
}

// Registry is the registry on a host as references name it, host[:port]. It does no I/O.
func (c *Client) Registry(host string) content.Cataloger {
	r := c.repository(ref.Reference{Scheme: ref.Docker, Host: host}, "")
	r.name, r.target.Scope = r.target.Registry, catalogScope
	return catalog{r}
}

const catalogScope = "registry:catalog:*"

type catalog struct{ r *repository }

// Repositories implements [content.Cataloger] by an endpoint that is not in the specification, and that the larger registries
// do not have (https://distribution.github.io/distribution/spec/api/#listing-repositories).
func (c catalog) Repositories(ctx context.Context, last string) iter.Seq2[string, error] {
	return walk{r: c.r, kind: distspec.Catalog, field: "repositories", one: "repository", subject: c.r.name, valid: ref.ValidRepository}.names(ctx, last)
}

// errEnough ends a walk whose caller wants no more.
var errEnough = errors.New("enough")

// walk is a way through the pages of a list. It remembers what tells a list that ends from one that goes in circles.
type walk struct {
	r          *repository
	kind       distspec.Kind
	field, one string // "tags" and "tag"
	subject    string
	valid      func(string) bool

	yield       func(string, error) bool
	seen        map[string]bool // URLs of pages
	first, last string          // names of the page before
	empty       int
	size        int64 // bytes so far
}

// names walks from the name after last to the end; each walk remembers for itself.
func (w walk) names(ctx context.Context, last string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		w := w
		w.seen, w.yield = map[string]bool{}, yield
		query := url.Values{"n": {pageSize}}
		if last != "" {
			query.Set("last", last)
		}
		next := w.r.request("GET", w.kind, "").URL + "?" + query.Encode()
		for next != "" {
			var err error
			switch next, err = w.page(ctx, next); err {
			case nil:
			case errEnough:
				return
			default:
				yield("", err)
				return
			}
		}
	}
}

func (w *walk) endless(why string) error {
	return errs.New(errs.Input, w.subject, "the %s list does not end: %s", w.one, why)
}

// page yields the names of one page and returns the URL of the next, or "".
func (w *walk) page(ctx context.Context, pageURL string) (string, error) {
	w.seen[pageURL] = true
	req := w.r.request("GET", w.kind, "")
	req.URL = pageURL
	req.Header.Add("Accept", "application/json")
	resp, raw, err := w.r.get(ctx, req, maxPage, w.subject)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return "", w.r.failed(resp, w.subject, w.field)
	}
	if isHTML(resp.Header.Get("Content-Type"), raw) {
		return "", notRegistry(w.subject, w.r.target.Registry)
	}
	w.size += int64(len(raw))
	p := newPage(raw, w.field)
	if err := p.read(w.name); err != nil {
		return "", w.failed(err)
	}
	return w.next(p.first, p.last, distspec.NextLink(resp.Header.Values("Link"), pageURL))
}

func (w *walk) failed(err error) error {
	if err == errEnough || errs.Of(err) != errs.Internal {
		return err
	}
	return errs.New(errs.Input, w.subject, "the %s list is malformed: %v", w.one, err)
}

func (w *walk) name(name string) error {
	switch {
	case !w.valid(name):
		return errs.New(errs.Input, w.subject, "the registry lists %.200q, which is not a %s", name, w.one)
	case !w.yield(name, nil):
		return errEnough
	}
	return nil
}

// next is where the walk goes on. It stays on the registry's origin: some that stand behind a proxy link to themselves
// by plain HTTP, and a token must not be sent that way.
func (w *walk) next(first, last, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	origin, err2 := url.Parse(w.r.target.Origin)
	if err != nil || err2 != nil || u.Hostname() != origin.Hostname() {
		return "", errs.New(errs.Input, w.subject, "the %s list goes on at another host, %q", w.one, link)
	}
	u.Scheme, u.Host, u.User, u.Fragment = origin.Scheme, origin.Host, nil, ""
	link = u.String()
	switch {
	case w.seen[link]:
		return "", w.endless("a page links to one that was read before")
	case len(w.seen) >= maxPages:
		return "", w.endless("there are more than " + itoa(maxPages) + " pages")
	case w.size > maxList:
		return "", w.endless("there are more than " + itoa(maxList>>20) + " MiB of it")
	case first == "":
		if w.empty++; w.empty >= maxEmpty {
			return "", w.endless("its pages are empty")
		}
		return link, nil
	case w.first == first && w.last == last:
		return "", w.endless("a page repeats the one before")
	}
	w.first, w.last, w.empty = first, last, 0
	return link, nil
}
