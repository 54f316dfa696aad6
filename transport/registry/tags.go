package registry

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

const (
	pageSize = "1000"   // tags asked for at once
	maxPage  = 16 << 20 // bytes; some registries answer every tag in one page, whatever is asked
	maxPages = 10_000
	maxEmpty = 16 // pages in a row without a tag
)

// Tags implements [content.TagLister] (spec.md, "Listing Tags"). The order is the registry's, lexical by the
// specification. A list that does not end is an error of kind input.
func (r *repository) Tags(ctx context.Context, last string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		w := tagWalk{r: r, seen: map[string]bool{}}
		req := r.request("GET", distspec.Tags, "")
		query := url.Values{"n": {pageSize}}
		if last != "" {
			query.Set("last", last)
		}
		for next := req.URL + "?" + query.Encode(); next != ""; {
			tags, following, err := w.page(ctx, next)
			if err != nil {
				yield("", err)
				return
			}
			for _, t := range tags {
				if !yield(t, nil) {
					return
				}
			}
			next = following
		}
	}
}

// tagWalk remembers what tells a list that ends from one that goes in circles.
type tagWalk struct {
	r           *repository
	seen        map[string]bool // URLs of pages
	first, last string          // tags of the page before
	empty       int
}

func (w *tagWalk) subject() string {
	if w.r.ref.Typed != "" {
		return w.r.ref.Typed
	}
	return w.r.name
}

// page reads one page and the URL of the next, or "".
func (w *tagWalk) page(ctx context.Context, pageURL string) ([]string, string, error) {
	w.seen[pageURL] = true
	req := w.r.request("GET", distspec.Tags, "")
	req.URL = pageURL
	req.Header.Add("Accept", "application/json")
	resp, err := w.r.send(ctx, w.r.target, req, w.subject())
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return nil, "", w.r.failed(resp, w.subject(), "tags")
	}
	raw, err := w.r.c.readAll(resp, maxPage, w.subject())
	if err != nil {
		return nil, "", err
	}
	if isHTML(resp.Header.Get("Content-Type"), raw) {
		return nil, "", notRegistry(w.subject(), w.r.target.Registry)
	}
	var list struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, "", errs.New(errs.Input, w.subject(), "the tag list is malformed: %v", err)
	}
	for _, t := range list.Tags {
		if !ref.ValidTag(t) {
			return nil, "", errs.New(errs.Input, w.subject(), "the registry lists %q, which is not a tag", t)
		}
	}
	next, err := w.next(list.Tags, distspec.NextLink(resp.Header.Values("Link"), pageURL))
	return list.Tags, next, err
}

// next is where the walk goes on. It stays on the registry's origin: some that stand behind a proxy link to themselves
// by plain HTTP, and a token must not be sent that way.
func (w *tagWalk) next(tags []string, link string) (string, error) {
	if link == "" {
		return "", nil
	}
	endless := func(why string) (string, error) {
		return "", errs.New(errs.Input, w.subject(), "the tag list does not end: %s", why)
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
		return endless("a page links to one that was read before")
	case len(w.seen) >= maxPages:
		return endless("there are more than " + itoa(maxPages) + " pages")
	case len(tags) == 0:
		if w.empty++; w.empty >= maxEmpty {
			return endless("its pages are empty")
		}
		return link, nil
	case w.first == tags[0] && w.last == tags[len(tags)-1]:
		return endless("a page repeats the one before")
	}
	w.first, w.last, w.empty = tags[0], tags[len(tags)-1], 0
	return link, nil
}
