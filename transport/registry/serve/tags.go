package serve

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"slices"
	"strconv"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
)

// maxTags is how many tags one page has at most; a client finds the others by the Link.
const maxTags = 10_000

// tags answers /v2/NAME/tags/list (spec.md, "Listing Tags"): in lexical order, after last, at most n.
func (x *exchange) tags(ctx context.Context) (*reply, error) {
	lister, ok := content.As[content.TagLister](x.source)
	if !ok {
		return nil, refusal{405, distspec.UnsupportedCode, "this repository does not list tags"}
	}
	return x.list(lister.Tags(ctx, ""), func(page []string) any {
		return struct {
			Name string   `json:"name"`
			Tags []string `json:"tags"`
		}{x.path.Name, page}
	})
}

// catalog answers /v2/_catalog, which is not in the specification
// (https://distribution.github.io/distribution/spec/api/#listing-repositories).
func (x *exchange) catalog(ctx context.Context) (*reply, error) {
	if x.server.o.Catalog == nil {
		return nil, refusal{404, distspec.UnsupportedCode, "no such endpoint"}
	}
	return x.list(x.server.o.Catalog.Repositories(ctx, ""), func(page []string) any {
		return struct {
			Repositories []string `json:"repositories"`
		}{page}
	})
}

// list answers one page of a list.
func (x *exchange) list(all iter.Seq2[string, error], body func(page []string) any) (*reply, error) {
	n := maxTags
	if given := x.query.Get("n"); given != "" {
		asked, err := strconv.Atoi(given)
		if err != nil || asked < 0 {
			return nil, refusal{400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested"}
		}
		n = min(asked, maxTags)
	}
	page, more, err := smallest(all, x.query.Get("last"), n)
	if err != nil {
		return nil, failure{err, unknownName}
	}
	raw, err := json.Marshal(body(page))
	if err != nil {
		return nil, failure{error: err}
	}
	r := content200("application/json", raw)
	if more {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {page[n-1]}}
		r.header.Add("Link", "<"+x.path.String()+"?"+next.Encode()+`>; rel="next"`)
	}
	return r, nil
}

// smallest is the n first names after last in lexical order, and whether there are more. A Source lists in an order of its
// own, so all are looked at, but no more than some of them held.
func smallest(all iter.Seq2[string, error], last string, n int) (page []string, more bool, err error) {
	page = []string{}
	if n == 0 { // an empty list without a Link
		return page, false, nil
	}
	for tag, err := range all {
		if err != nil {
			return nil, false, err
		}
		if tag <= last {
			continue
		}
		if page = append(page, tag); len(page) >= 2*n+maxTags {
			page, more = first(page, n, more)
		}
	}
	page, more = first(page, n, more)
	return page, more, nil
}

func first(page []string, n int, more bool) ([]string, bool) {
	slices.Sort(page)
	page = slices.Compact(page)
	if len(page) > n {
		return page[:n], true
	}
	return page, more
}
