//go:build js

package jsfetch

import (
	"fmt"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// hop is one request of a chain of redirects.
type hop struct {
	url, method string
	header      fetchshim.Header
	body        fetchshim.Body
}

// next is the hop a response redirects to, if it does (https://fetch.spec.whatwg.org/#http-redirect-fetch).
func (h hop) next(res *fetchshim.Response) (to hop, redirected bool, err error) {
	location := res.Header.Get("Location")
	switch res.Status {
	case 301, 302, 303, 307, 308:
	default:
		return h, false, nil
	}
	if location == "" {
		return h, false, nil
	}
	var from, url js.Value
	if err := promise.Try(func() {
		from = js.Global().Get("URL").New(h.url)
		url = js.Global().Get("URL").New(location, h.url)
	}); err != nil {
		return h, false, fmt.Errorf("redirect: %w", err)
	}
	to = h
	to.header = h.header.Clone()
	url.Set("hash", "")
	to.url = url.Get("href").String()
	if from.Get("origin").String() != url.Get("origin").String() {
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			to.header.Del(name)
		}
	}
	if res.Status == 303 || h.method == "POST" && (res.Status == 301 || res.Status == 302) {
		to.method, to.body = "GET", nil
		for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type",
			"Content-Length", "Content-Range"} {
			to.header.Del(name)
		}
	}
	return to, true, nil
}
