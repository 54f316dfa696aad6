package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
)

// exit is a way out: which URLs it takes, and a Fetcher that asks at every hop.
type exit struct {
	named   map[string]bool // host:port that may be private and plain
	fetcher *nethttp.Fetcher

	dialTime time.Duration
	resolve  func(ctx context.Context, host string) ([]netip.Addr, error)
	connect  func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
}

// newExit makes a way out with connections of its own. It uses no proxy: that would resolve names by itself.
func newExit(o Options, l Limits, named map[string]bool) *exit {
	e := &exit{named: named, dialTime: l.Dial, resolve: o.Resolve, connect: o.Connect}
	if e.resolve == nil {
		e.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if e.connect == nil {
		d := &net.Dialer{KeepAlive: 30 * time.Second}
		e.connect = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", a.String())
		}
	}
	e.fetcher = nethttp.New(nethttp.Options{Allow: e.allow, Inactivity: l.Window, Transport: &http.Transport{
		DialContext: e.dial, TLSClientConfig: o.TLS.Clone(), TLSHandshakeTimeout: l.Dial, ForceAttemptHTTP2: true,
		DisableCompression: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: l.Header, ResponseHeaderTimeout: l.Head,
	}})
	return e
}

func (e *exit) has(h host, scheme string) bool { return e.named[h.key(scheme)] }

// allow is asked before each hop, redirects included.
func (e *exit) allow(u *url.URL) error {
	h, err := parseHost(u.Host)
	if err != nil {
		return err
	}
	if e.has(h, u.Scheme) {
		return nil
	}
	if u.Scheme != "https" {
		return forbidden(h.String()+" would be asked over plain HTTP").hinted("name it: --allow-registry %s", h)
	}
	if a, err := netip.ParseAddr(h.name); err == nil {
		return e.check(h.String(), a)
	}
	return nil
}

func (e *exit) check(name string, a netip.Addr) error {
	if public(a) {
		return nil
	}
	return forbidden(fmt.Sprintf("%s is at %s, which is not an address of the Internet", name, a)).hinted("name it: --allow-registry %s", name)
}

// dial resolves a name once, checks every address that it has, and connects to one of those and to nothing else: what a
// second question to the DNS would answer does not matter.
func (e *exit) dial(ctx context.Context, _, hostport string) (net.Conn, error) {
	h, err := parseHost(hostport)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(h.port, 10, 16)
	if err != nil {
		return nil, err
	}
	addrs, err := e.addresses(ctx, h.name)
	if err != nil {
		return nil, err
	}
	if !e.named[h.key("")] {
		for _, a := range addrs {
			if err := e.check(h.String(), a); err != nil {
				return nil, err
			}
		}
	}
	var failed error
	for _, a := range addrs {
		conn, err := e.attempt(ctx, netip.AddrPortFrom(a.Unmap(), uint16(port)))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (e *exit) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := e.resolve(ctx, name)
	if err == nil && len(addrs) == 0 {
		err = errors.New(name + " has no address")
	}
	return addrs, err
}

func (e *exit) attempt(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.dialTime)
	defer cancel()
	return e.connect(ctx, a)
}
