package serve

import (
	"context"
	"encoding/json"
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
	n := maxTags
	if given := x.query.Get("n"); given != "" {
		asked, err := strconv.Atoi(given)
		if err != nil || asked < 0 {
			return nil, refusal{400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested"}
		}
		n = min(asked, maxTags)
	}
	page, more, err := smallest(ctx, lister, x.query.Get("last"), n)
	if err != nil {
		return nil, failure{err, refusal{404, distspec.NameUnknown, "repository name not known to registry"}}
	}
	body, err := json.Marshal(struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{x.path.Name, page})
	if err != nil {
		return nil, failure{error: err}
	}
	r := content200("application/json", body)
	if more {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {page[n-1]}}
		r.header.Add("Link", "<"+x.path.String()+"?"+next.Encode()+`>; rel="next"`)
	}
	return r, nil
}

// smallest is the n first tags after last in lexical order, and whether there are more. A Source lists in an order of its
// own, so all are looked at, but no more than some of them held.
func smallest(ctx context.Context, lister content.TagLister, last string, n int) (page []string, more bool, err error) {
	page = []string{}
	if n == 0 { // an empty list without a Link
		return page, false, nil
	}
	for tag, err := range lister.Tags(ctx, "") {
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
