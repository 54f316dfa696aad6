// Package nethttp joins fetchshim to net/http: [New] makes a [fetchshim.Fetcher] of an http.RoundTripper, and [Handler]
// serves a Fetcher over net/http. It is the one package of the library that reaches net/http, which would be two thirds
// of a wasm file.
package nethttp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// The waits that an Options of zero means.
const (
	DefaultInactivity = 60 * time.Second
	// DefaultHeaderTimeout is long because a registry hashes a whole blob before it answers the PUT that closes an upload.
	DefaultHeaderTimeout = 5 * time.Minute
)

// Options configure a [Fetcher]. The zero value is ready to use.
type Options struct {
	// TLS holds roots and client certificates; nil means the system's roots. See [TLS.Config].
	TLS *tls.Config
	// Proxy chooses a proxy for a request; nil means http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// Allow is asked before each hop, redirects included; an error makes a Fault of kind Refused. Nil allows all.
	Allow func(*url.URL) error
	// Inactivity is how long no byte may move in either direction while one is waited for; 0 means DefaultInactivity, a
	// negative value no limit. Time that the caller spends between two Reads does not count, and there is no limit on
	// the whole transfer.
	Inactivity time.Duration
	// HeaderTimeout is how long the response head may take after the request was sent; 0 means DefaultHeaderTimeout, a
	// negative value no limit.
	HeaderTimeout time.Duration
	// Transport replaces the transport made from TLS, Proxy and HeaderTimeout. It must not follow redirects or decode.
	Transport http.RoundTripper
}

// Fetcher sends requests over net/http. It is safe for concurrent use and streams uploads.
type Fetcher struct {
	transport  http.RoundTripper
	allow      func(*url.URL) error
	inactivity time.Duration
}

// New makes a Fetcher. It opens no connection.
func New(o Options) *Fetcher {
	if o.Transport == nil {
		o.Transport = transport(o)
	}
	if o.Inactivity == 0 {
		o.Inactivity = DefaultInactivity
	}
	return &Fetcher{transport: o.Transport, allow: o.Allow, inactivity: o.Inactivity}
}

// CloseIdle closes the connections that no request is using.
func (f *Fetcher) CloseIdle() {
	if c, ok := f.transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Fetch implements [fetchshim.Fetcher]. It asks for the identity encoding unless the request names another, so the bytes
// and the Content-Length are the server's own. A deadline of ctx is a Fault of kind Timeout, any other end of it one of
// kind Cancelled. An error of the request's own body is no Fault: it comes back wrapped, as that body gave it.
func (f *Fetcher) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	h, err := firstHop(req)
	if err != nil {
		return nil, err
	}
	for followed := 0; ; followed++ {
		res, err := f.send(ctx, h)
		if err != nil {
			return nil, err
		}
		location := res.Header.Get("Location")
		if req.Redirect == fetchshim.Manual || location == "" || !redirects(res.Status) {
			return res, nil
		}
		drain(res.Body)
		if followed == fetchshim.MaxRedirects {
			return nil, &fetchshim.Fault{Kind: fetchshim.Network, URL: req.URL,
				Err: fmt.Errorf("stopped after %d redirects", followed)}
		}
		if h, err = h.next(res.Status, location); err != nil {
			return nil, err
		}
	}
}

// send makes one round trip. The context it makes ends when the response body is closed.
func (f *Fetcher) send(parent context.Context, h hop) (*fetchshim.Response, error) {
	if f.allow != nil {
		if err := f.allow(h.url); err != nil {
			return nil, &fetchshim.Fault{Kind: fetchshim.Refused, URL: h.asked, Err: err}
		}
	}
	ctx, cancel := context.WithCancelCause(parent)
	c := &call{parent: parent, ctx: ctx, cancel: cancel, url: h.asked}
	up := &upload{call: c, limit: f.inactivity}
	req, err := h.request(ctx, up)
	if err != nil {
		cancel(nil)
		return nil, c.fault(err)
	}
	res, err := f.transport.RoundTrip(req)
	up.stop()
	if err != nil {
		err = c.fault(err)
		cancel(nil)
		return nil, err
	}
	return &fetchshim.Response{
		Status: res.StatusCode,
		URL:    h.url.String(),
		Header: fromHTTP(res.Header),
		Body:   &body{call: c, rc: res.Body, watch: newWatch(f.inactivity, cancel)},
	}, nil
}
