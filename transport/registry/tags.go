package registry

import (
	"context"
	"errors"
	"iter"
	"net/url"

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
	return func(yield func(string, error) bool) {
		w := tagWalk{r: r, seen: map[string]bool{}, yield: yield}
		query := url.Values{"n": {pageSize}}
		if last != "" {
			query.Set("last", last)
		}
		next := r.request("GET", distspec.Tags, "").URL + "?" + query.Encode()
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

// errEnough ends a walk whose caller wants no more.
var errEnough = errors.New("enough")

// tagWalk remembers what tells a list that ends from one that goes in circles.
type tagWalk struct {
	r           *repository
	yield       func(string, error) bool
	seen        map[string]bool // URLs of pages
	first, last string          // tags of the page before
	empty       int
	size        int64 // bytes so far
}

func (w *tagWalk) subject() string {
	if w.r.ref.Typed != "" {
		return w.r.ref.Typed
	}
	return w.r.name
}

func (w *tagWalk) endless(why string) error {
	return errs.New(errs.Input, w.subject(), "the tag list does not end: %s", why)
}

// page yields the tags of one page and returns the URL of the next, or "".
func (w *tagWalk) page(ctx context.Context, pageURL string) (string, error) {
	w.seen[pageURL] = true
	req := w.r.request("GET", distspec.Tags, "")
	req.URL = pageURL
	req.Header.Add("Accept", "application/json")
	resp, err := w.r.send(ctx, w.r.target, req, w.subject())
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return "", w.r.failed(resp, w.subject(), "tags")
	}
	raw, err := w.r.c.readAll(ctx, resp, maxPage, w.subject())
	if err != nil {
		return "", err
	}
	if isHTML(resp.Header.Get("Content-Type"), raw) {
		return "", notRegistry(w.subject(), w.r.target.Registry)
	}
	w.size += int64(len(raw))
	p := newTagPage(raw)
	if err := p.read(w.tag); err != nil {
		return "", w.failed(err)
	}
	return w.next(p, distspec.NextLink(resp.Header.Values("Link"), pageURL))
}

func (w *tagWalk) failed(err error) error {
	if err == errEnough || errs.Of(err) != errs.Internal {
		return err
	}
	return errs.New(errs.Input, w.subject(), "the tag list is malformed: %v", err)
}

func (w *tagWalk) tag(t string) error {
	switch {
	case !ref.ValidTag(t):
		return errs.New(errs.Input, w.subject(), "the registry lists %.200q, which is not a tag", t)
	case !w.yield(t, nil):
		return errEnough
	}
	return nil
}

// next is where the walk goes on. It stays on the registry's origin: some that stand behind a proxy link to themselves
// by plain HTTP, and a token must not be sent that way.
func (w *tagWalk) next(p *tagPage, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	u, err := url.Parse(link)
	origin, err2 := url.Parse(w.r.target.Origin)
	if err != nil || err2 != nil || u.Hostname() != origin.Hostname() {
		return "", errs.New(errs.Input, w.subject(), "the tag list goes on at another host, %q", link)
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
	case p.first == "":
		if w.empty++; w.empty >= maxEmpty {
			return "", w.endless("its pages are empty")
		}
		return link, nil
	case w.first == p.first && w.last == p.last:
		return "", w.endless("a page repeats the one before")
	}
	w.first, w.last, w.empty = p.first, p.last, 0
	return link, nil
}
