package nethttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// hop is one request of a chain of redirects.
type hop struct {
	asked  string // the caller's URL, which errors name: a redirect's URL may hold a signature
	method string
	url    *url.URL
	header fetchshim.Header
	body   fetchshim.Body
}

func firstHop(req *fetchshim.Request) (hop, error) {
	h := hop{asked: req.URL, method: req.Method, header: req.Header.Clone(), body: req.Body}
	if h.method == "" {
		h.method = http.MethodGet
	}
	if h.header.Get("Accept-Encoding") == "" {
		h.header.Add("Accept-Encoding", "identity")
	}
	u, err := url.Parse(req.URL)
	if err == nil {
		err = checkURL(u)
	}
	if err != nil {
		return hop{}, h.refuse(err)
	}
	h.url = u
	return h, nil
}

func (h hop) refuse(err error) error {
	return &fetchshim.Fault{Kind: fetchshim.Refused, URL: h.asked, Err: err}
}

// checkURL refuses user information, as https://fetch.spec.whatwg.org/#dom-request does: it would be a credential that no
// rule about redirects sees.
func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("scheme %q is not http or https", u.Scheme)
	case u.Host == "":
		return errors.New("URL names no host")
	case u.User != nil:
		return errors.New("URL holds a user name")
	}
	return nil
}

// redirects lists the redirect statuses of https://fetch.spec.whatwg.org/#redirect-status.
func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// next is the hop that a redirect leads to, by https://fetch.spec.whatwg.org/#http-redirect-fetch. Credentials once
// dropped do not come back when a later hop returns to the first origin.
func (h hop) next(status int, location string) (hop, error) {
	to, err := h.url.Parse(location)
	if err == nil {
		err = checkURL(to)
	}
	if err != nil {
		return hop{}, h.refuse(fmt.Errorf("redirect: %w", err))
	}
	to.Fragment, to.RawFragment = "", ""
	n := h
	n.url, n.header = to, h.header.Clone()
	post := h.method == http.MethodPost && (status == http.StatusMovedPermanently || status == http.StatusFound)
	other := h.method != http.MethodGet && h.method != http.MethodHead && status == http.StatusSeeOther
	if post || other {
		n.method, n.body = http.MethodGet, nil
		for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Location", "Content-Type",
			"Content-Length", "Content-Range"} {
			n.header.Del(name)
		}
	}
	if origin(h.url) == origin(to) {
		return n, nil
	}
	carried := false
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		carried = carried || n.header.Get(name) != ""
		n.header.Del(name)
	}
	if carried && h.url.Scheme == "https" && to.Scheme == "http" {
		return hop{}, h.refuse(fmt.Errorf("redirect of a request with credentials from https to plain http at %s", to.Host))
	}
	return n, nil
}

// origin is scheme, host and port (https://html.spec.whatwg.org/#origin). http.Client compares only hosts, and takes a
// subdomain for the same one.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// request opens the body through up, which also opens it again when the transport must repeat the request on a new
// connection.
func (h hop) request(ctx context.Context, up *upload) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, h.method, h.url.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = toHTTP(h.header)
	if h.body == nil {
		return req, nil
	}
	if h.body.Len() == 0 {
		req.Body = http.NoBody
		return req, nil
	}
	req.ContentLength = h.body.Len()
	req.GetBody = func() (io.ReadCloser, error) { return up.open(ctx, h.body) }
	req.Body, err = req.GetBody()
	return req, err
}

// drain reads the little that a redirect says, so that its connection can be used again, and closes it.
func drain(body io.ReadCloser) {
	io.CopyN(io.Discard, body, 64<<10) // an error only costs the connection
	body.Close()
}
