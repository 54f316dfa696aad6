// Package relay reads registries for a page, and writes to those that its user named. A browser lets a page read another site only where that site agrees (CORS), and
// most registries do not. The relay runs beside the page and asks for it; docs/RELAY.md is its protocol.
//
// Whoever can reach a relay could use it to look into the network it runs in, so it forwards only what reading a registry
// takes, to public addresses and to registries that its user named, for the page it serves and for nobody else.
package relay

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Prefix is where the relay answers: /relay/SCHEME/HOST[:PORT]/PATH.
const Prefix = "/relay/"

// Options configure a [Relay]. Hosts and Token are required.
type Options struct {
	// Hosts are the values of the Host header by which the page's own server is known, with the port.
	Hosts []string
	// Token is what a request must show; it is made anew for each run, with [NewToken].
	Token string
	// Allow names registries, HOST[:PORT], that may have private addresses and speak plain HTTP.
	Allow []string
	// Push names registries, HOST[:PORT], to which the page may write. It opens no private address: that is for Allow.
	Push []string
	// TLS holds the user's roots and client certificates; nil means the system's roots.
	TLS *tls.Config
	// Limits bound what one run spends on others; what is zero in it has the default.
	Limits Limits
	// Resolve finds the addresses of a name; nil asks the system. Connect opens a connection to an address; nil is TCP. Both
	// are there for tests.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Connect func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
}

// Relay is a Fetcher that answers the page's requests with what registries say. It is safe for concurrent use, and keeps
// nothing between requests but idle connections.
type Relay struct {
	hosts  []string
	token  []byte
	seal   sealer
	limits Limits
	slots  chan struct{}
	push   map[string]bool // host:port of registries that are written to
	// A registry that nobody named never reaches a named one, by a redirect or as its token server: so there are two ways out.
	outside, inside *exit
}

// New makes a Relay. It does no I/O. An entry of Allow or Push that is no host is an error.
func New(o Options) (*Relay, error) {
	if len(o.Hosts) == 0 || o.Token == "" {
		return nil, errors.New("relay: Hosts and Token are required")
	}
	named, err := parseNamed(o.Allow)
	if err != nil {
		return nil, err
	}
	push, err := parseNamed(o.Push)
	if err != nil {
		return nil, err
	}
	limits := o.Limits.orDefault()
	return &Relay{
		hosts: o.Hosts, token: []byte(o.Token), seal: newSealer(), limits: limits, push: push,
		slots:   make(chan struct{}, limits.Concurrent),
		outside: newExit(o, limits, nil), inside: newExit(o, limits, named),
	}, nil
}

// NewToken makes a token of 130 random bits.
func NewToken() string { return rand.Text() }

// Close frees idle connections.
func (r *Relay) Close() {
	r.outside.fetcher.CloseIdle()
	r.inside.fetcher.CloseIdle()
}

// Fetch implements [fetchshim.Fetcher]: req is what the page sent to this server. Every failure but an ended context is a
// response, which the header [Mark] tells from a registry's.
func (r *Relay) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	resp, err := r.answer(ctx, req)
	if ctx.Err() != nil {
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, &fetchshim.Fault{Kind: fetchshim.Cancelled, URL: req.URL, Err: context.Cause(ctx)}
	}
	if err != nil {
		return refusalOf(err).response(req), nil
	}
	return resp, nil
}

func (r *Relay) answer(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, malformed("the URL cannot be read")
	}
	if err := r.admit(u, req); err != nil {
		return nil, err
	}
	t, err := r.target(u, req)
	if err != nil {
		return nil, err
	}
	select {
	case r.slots <- struct{}{}:
	default:
		return nil, refusal{status: 503, kind: fetchshim.Network, message: "too many requests at once", retry: true}
	}
	done := func() { <-r.slots }
	resp, err := r.forward(ctx, t, req)
	if err != nil {
		done()
		return nil, err
	}
	resp.Body = &releasing{ReadCloser: resp.Body, done: done}
	return resp, nil
}

// errHead is why a request ends whose answer did not begin in time.
var errHead = errors.New("no answer in time")

// forward asks the registry. The time until its answer begins is bounded over all redirects, that of the body by its pace.
func (r *Relay) forward(ctx context.Context, t target, req *fetchshim.Request) (*fetchshim.Response, error) {
	way := r.outside
	if t.named {
		way = r.inside
	}
	asked := &fetchshim.Request{Method: t.method, URL: t.url, Header: requestHeader(req.Header, t.writes()), Body: req.Body}
	if t.rule.noRedirect || t.writes() {
		asked.Redirect = fetchshim.Manual
	}
	ctx, cancel := context.WithCancelCause(ctx)
	head := time.AfterFunc(r.limits.Head, func() { cancel(errHead) })
	if t.writes() {
		head.Stop() // a large body takes as long as it takes; silence ends it
	}
	resp, err := way.fetcher.Fetch(ctx, asked)
	head.Stop()
	if err != nil {
		if errors.Is(context.Cause(ctx), errHead) {
			err = refusal{status: 504, kind: fetchshim.Timeout, message: t.host + " does not answer"}
		}
		cancel(nil)
		return nil, err
	}
	end := func() { cancel(nil) }
	out, err := r.shape(t, resp)
	if err != nil {
		_ = resp.Body.Close()
		end()
		return nil, err
	}
	out.Body = &releasing{ReadCloser: out.Body, done: end}
	return out, nil
}

// shape makes the page's response of a registry's: the headers a client needs, a bounded body.
func (r *Relay) shape(t target, resp *fetchshim.Response) (*fetchshim.Response, error) {
	switch redirects := resp.Status >= 300 && resp.Status < 400; {
	case redirects && t.writes():
		return nil, refusal{status: 502, kind: fetchshim.Refused, message: t.host + " redirects a request that writes, which is not followed"}
	case redirects && t.rule.noRedirect:
		return nil, refusal{status: 502, kind: fetchshim.Refused, message: "the token endpoint of " + t.host + " redirects, which is not followed"}
	}
	length, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	limit, cut := t.rule.limit, false
	if resp.Status >= 400 {
		limit, cut = maxError, true // only its beginning is shown
	}
	if limit > 0 && length > limit && !cut {
		return nil, tooLarge(t.host, limit)
	}
	out := &fetchshim.Response{Status: resp.Status, URL: resp.URL, Header: responseHeader(resp.Header, t.writes())}
	if limit > 0 && length > limit {
		out.Header.Del("Content-Length")
	}
	out.Header.Add(finalURL, resp.URL)
	out.Header.Add(Mark, "answer")
	// A challenge counts as the registry's only where the registry itself gave it.
	if resp.Status == 401 && sameOrigin(resp.URL, t.url) {
		if s := r.seal.announce(t.url, resp.Header.Values("WWW-Authenticate")); s != "" {
			out.Header.Add(Realm, s)
		}
	}
	out.Body = r.limits.bound(resp.Body, t.host, limit, cut)
	return out, nil
}

// releasing gives something back, once, when the body is closed.
type releasing struct {
	io.ReadCloser
	done func()
}

// Close closes the body. It is called once, by the server.
func (b *releasing) Close() error {
	err := b.ReadCloser.Close()
	if b.done != nil {
		b.done()
		b.done = nil
	}
	return err
}

// admit checks who asks: only the page that this server served. Host is checked because a name that an attacker owns may be
// made to resolve to this machine (DNS rebinding), and then the attacker's page has the same origin as this server.
func (r *Relay) admit(u *url.URL, req *fetchshim.Request) error {
	if u.User != nil || !slices.Contains(r.hosts, lower(u.Host)) {
		return refusal{status: 421, kind: fetchshim.Refused, message: "this relay is not " + strconv.Quote(u.Host)}
	}
	// https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header: a page cannot set it, and every browser of today sends it.
	if site := req.Header.Values("Sec-Fetch-Site"); len(site) != 1 || site[0] != "same-origin" {
		return forbidden("only the page of this relay may use it (Sec-Fetch-Site: same-origin)")
	}
	for _, origin := range req.Header.Values("Origin") {
		if lower(origin) != "http://"+lower(u.Host) {
			return forbidden("only the page of this relay may use it, not " + strconv.Quote(origin))
		}
	}
	if !r.knows(req.Header.Values(Mark)) {
		return forbidden("the token is missing or is not that of this run").hinted("open the address that the command printed")
	}
	for _, name := range []string{"Authorization", "Range", "Content-Range", Realm} {
		if len(req.Header.Values(name)) > 1 {
			return malformed("%s is there more than once", name)
		}
	}
	return nil
}
