package relay_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

const (
	registryAddr = "93.184.215.14"
	otherAddr    = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
	base         = "/relay/https/registry.example.com/v2/"
	manifest     = base + "a/b/manifests/1.0"
	digest       = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	blob         = base + "a/b/blobs/" + digest
)

// hello is a world with one registry that answers whatever it is asked.
func hello(t *testing.T) *world {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "hello") })
	return w
}

func TestForwards(t *testing.T) {
	w := hello(t)
	r := w.relay(nil)
	for path, want := range map[string]string{
		manifest:                                "/v2/a/b/manifests/1.0",
		blob:                                    "/v2/a/b/blobs/" + digest,
		base:                                    "/v2/",
		base + "_catalog?n=5":                   "/v2/_catalog?n=5",
		base + "a/tags/list?n=1&last=x%2Fy":     "/v2/a/tags/list?n=1&last=x%2Fy",
		base + "a/referrers/" + digest:          "/v2/a/referrers/" + digest,
		base + "a/b/manifests/" + digest:        "/v2/a/b/manifests/" + digest,
		"/relay/https/REGISTRY.example.com/v2/": "/v2/",
	} {
		a := send(t, r, ask("GET", path))
		require.NoError(t, a.err, path)
		require.Equal(t, 200, a.Status, a.body)
		require.Equal(t, "hello", a.body)
		require.Equal(t, "answer", a.Header.Get(relay.Mark))
		require.Equal(t, "https://registry.example.com"+want, a.Header.Get("X-Stevedore-Url"))
		require.Equal(t, want, w.last().RequestURI)
	}
	a := send(t, r, ask("HEAD", manifest))
	require.Equal(t, 200, a.Status)
	require.Equal(t, "5", a.Header.Get("Content-Length"))
	require.Empty(t, a.body)
}

// TestWhoAsks: each request lacks one thing that the page's own have.
func TestWhoAsks(t *testing.T) {
	for name, c := range map[string]struct {
		req    *fetchshim.Request
		status int
	}{
		"rebinding":           {&fetchshim.Request{Method: "GET", URL: "http://evil.example:4999" + manifest, Header: ask("GET", "/").Header}, 421},
		"other port":          {&fetchshim.Request{Method: "GET", URL: "http://127.0.0.1:80" + manifest, Header: ask("GET", "/").Header}, 421},
		"user in host":        {&fetchshim.Request{Method: "GET", URL: "http://evil@" + self + manifest, Header: ask("GET", "/").Header}, 421},
		"another site's page": {ask("GET", manifest, field("Sec-Fetch-Site", "cross-site")), 403},
		"another port's page": {ask("GET", manifest, field("Sec-Fetch-Site", "same-site")), 403},
		"typed address":       {ask("GET", manifest, field("Sec-Fetch-Site", "none")), 403},
		"no page":             {ask("GET", manifest, field("Sec-Fetch-Site", "")), 403},
		"two sites":           {ask("GET", manifest, field("Sec-Fetch-Site", "same-origin"), field("Sec-Fetch-Site", "same-origin")), 403},
		"other origin":        {ask("GET", manifest, field("Origin", "https://evil.example")), 403},
		"opaque origin":       {ask("GET", manifest, field("Origin", "null")), 403},
		"no token":            {ask("GET", manifest, field(relay.Mark, "")), 403},
		"wrong token":         {ask("GET", manifest, field(relay.Mark, "ABCDEFGHIJKLMNOPQRSTUVWXYA")), 403},
		"half a token":        {ask("GET", manifest, field(relay.Mark, token[:13])), 403},
		"two tokens":          {ask("GET", manifest, field(relay.Mark, "x"), field(relay.Mark, token)), 403},
	} {
		t.Run(name, func(t *testing.T) {
			w := hello(t)
			status, kind, _ := refusal(t, w.relay(nil), c.req)
			require.Equal(t, c.status, status)
			require.Equal(t, "refused", kind)
			w.nothing()
		})
	}
	a := send(t, hello(t).relay(nil), ask("GET", manifest, field("Origin", "http://"+self)))
	require.Equal(t, 200, a.Status)
}

func TestMethods(t *testing.T) {
	w := hello(t)
	r := w.relay(nil)
	for _, m := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "PROPFIND"} {
		status, kind, _ := refusal(t, r, ask(m, manifest))
		require.Equal(t, 405, status, m)
		require.Equal(t, "unsupported", kind)
	}
	for _, path := range []string{base + "a/blobs/uploads/", base + "a/blobs/uploads/123"} {
		for _, m := range []string{"GET", "POST", "PATCH"} {
			status, _, _ := refusal(t, r, ask(m, path))
			require.Equal(t, 403, status)
		}
	}
	req := ask("GET", manifest)
	req.Body = fetchshim.Bytes("body")
	status, _, _ := refusal(t, r, req)
	require.Equal(t, 413, status)
	w.nothing()
}

func TestPaths(t *testing.T) {
	for _, path := range []string{
		"/relay/", "/relay/https", "/relay/https/", "/relay/https/registry.example.com", "/relay/ftp/registry.example.com/v2/",
		"/relay/file//etc/passwd", "/relay/https//v2/", "/relay/gopher/x/v2/", "/relay/https/registry.example.com/",
		"/relay/https/registry.example.com/admin", "/relay/https/registry.example.com/v1/search",
		base + "../admin", base + "a/../../admin", base + "..%2fadmin", base + "%2e%2e/admin", base + "a/manifests/..",
		base + "a/manifests/%2e%2e", base + `a\..\b/manifests/1`, base + "a%5c/manifests/1", base + "a//b/manifests/1",
		base + "a/manifests/1%00", base + "a/manifests/1%0d%0aX:y", base + "a/manifests/1%3fq", base + "A/manifests/1",
		base + "a/manifests/sha256:abc", base + "a/blobs/1.0", base + "a/blobs/sha256:" + strings.Repeat("g", 64), base + "a/referrers/x",
		base + "a/tags/other", base + "token", manifest + "?" + strings.Repeat("n", 5000), manifest + "?a=%zz", manifest + "?a;b",
	} {
		t.Run(path[:min(len(path), 70)], func(t *testing.T) {
			w := hello(t)
			status, kind, _ := refusal(t, w.relay(nil), ask("GET", path))
			require.Contains(t, []int{400, 403}, status)
			require.Equal(t, "refused", kind)
			w.nothing()
		})
	}
}

// TestPrivateAddresses in every notation: refused before or at the connection, unless named.
func TestPrivateAddresses(t *testing.T) {
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1:5000", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001",
		"0", "0.0.0.0", "0x0", "127.0.0.1.", "127.0.0.01", "256.1.1.1", "1.2.3.4.5", "0x", "%31%32%37.0.0.1", "１２７.0.0.1", "127。0。0。1",
		"[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]",
		"[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
		"[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "[5f00::1]",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.1.1",
		"168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
		"a..b", "-a.example", "a_b-.example", "user@registry.example.com", "registry.example.com:", "registry.example.com:0",
		"registry.example.com:65536", "registry.example.com:+1", "registry.example.com:080", "[::1", "[::1]x", "[127.0.0.1]", "x y",
	} {
		t.Run(host, func(t *testing.T) {
			w := hello(t)
			status, kind, _ := refusal(t, w.relay(nil), ask("GET", "/relay/https/"+host+"/v2/"))
			require.Contains(t, []int{400, 403}, status)
			require.Equal(t, "refused", kind)
			w.nothing()
		})
	}
}

// TestResolvesPrivate: a name is as good as the addresses it has, all of them.
func TestResolvesPrivate(t *testing.T) {
	for _, addrs := range [][]string{{"10.1.2.3"}, {"::1"}, {"::ffff:192.168.0.1"}, {"fd12::1"}, {"169.254.169.254"}, {registryAddr, "127.0.0.1"}} {
		w := hello(t)
		var list []netip.Addr
		for _, a := range addrs {
			list = append(list, netip.MustParseAddr(a))
		}
		w.names["registry.example.com"] = list
		status, kind, message := refusal(t, w.relay(nil), ask("GET", manifest))
		require.Equal(t, 403, status)
		require.Equal(t, "refused", kind)
		require.Contains(t, message, "is not an address of the Internet")
		w.nothing()
	}
}

// TestResolvesOnce: what a second answer of the DNS says is never asked for, so it cannot be another one.
func TestResolvesOnce(t *testing.T) {
	w := hello(t)
	r := w.relay(func(o *relay.Options) {
		first := o.Resolve
		asked := 0
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			if asked++; asked > 1 {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			return first(ctx, host)
		}
	})
	require.Equal(t, 200, send(t, r, ask("GET", manifest)).Status)
	require.Equal(t, []netip.Addr{netip.MustParseAddr(registryAddr)}, w.dialled)
	require.Equal(t, []string{"registry.example.com"}, w.resolved)
}

func TestPlainHTTP(t *testing.T) {
	w := hello(t)
	status, _, message := refusal(t, w.relay(nil), ask("GET", "/relay/http/registry.example.com/v2/"))
	require.Equal(t, 403, status)
	require.Contains(t, message, "plain HTTP")
	w.nothing()
}

// TestOversize: what is read whole by a client is bounded, announced or not; a blob is not.
func TestOversize(t *testing.T) {
	const large = 4<<20 + 1
	announced := true
	status := 200
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		if announced {
			rw.Header().Set("Content-Length", "4194305")
		}
		rw.WriteHeader(status)
		io.WriteString(rw, strings.Repeat("x", large))
	})
	r := w.relay(nil)
	for _, path := range []string{manifest, base, base + "a/tags/list", base + "_catalog", base + "a/referrers/" + digest} {
		announced = true
		got, kind, message := refusal(t, r, ask("GET", path))
		require.Equal(t, 502, got)
		require.Equal(t, "refused", kind)
		require.Contains(t, message, "more than the")
		announced = false
		require.ErrorContains(t, send(t, r, ask("GET", path)).err, "more than the")
	}
	for _, announced = range []bool{true, false} {
		a := send(t, r, ask("GET", blob))
		require.NoError(t, a.err)
		require.Len(t, a.body, large)
	}
	status = 404 // of an error only the beginning is of use
	for _, announced = range []bool{true, false} {
		a := send(t, r, ask("GET", blob))
		require.NoError(t, a.err)
		require.Equal(t, 404, a.Status)
		require.Len(t, a.body, 64<<10)
		require.Empty(t, a.Header.Get("Content-Length"))
	}
}

func TestLargeHeader(t *testing.T) {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Link", strings.Repeat("x", 100<<10))
	})
	status, kind, _ := refusal(t, w.relay(nil), ask("GET", manifest))
	require.Equal(t, 502, status)
	require.Equal(t, "network", kind)
}

// TestSlow: a head that does not come, a body that stops, a body that drips.
func TestSlow(t *testing.T) {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(rw)
		if r.URL.Path == "/v2/" {
			<-r.Context().Done()
			return
		}
		if strings.Contains(r.URL.Path, "redirects") {
			time.Sleep(20 * time.Millisecond)
			http.Redirect(rw, r, r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		for r.Context().Err() == nil {
			io.WriteString(rw, "x")
			ctl.Flush()
			if strings.Contains(r.URL.Path, "stops") {
				<-r.Context().Done()
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	r := w.relay(func(o *relay.Options) {
		o.Limits = relay.Limits{Head: 100 * time.Millisecond, Window: 100 * time.Millisecond, Floor: 1 << 10}
	})
	for _, path := range []string{base, base + "redirects/manifests/1"} {
		status, kind, _ := refusal(t, r, ask("GET", path))
		require.Equal(t, 504, status)
		require.Equal(t, "timeout", kind)
	}
	for path, text := range map[string]string{"drips": "too slowly", "stops": "no byte"} {
		a := send(t, r, ask("GET", base+path+"/blobs/"+digest))
		require.Equal(t, 200, a.Status)
		require.ErrorContains(t, a.err, text)
		require.NotEmpty(t, a.body)
	}
}

func TestBusy(t *testing.T) {
	w := hello(t)
	r := w.relay(func(o *relay.Options) { o.Limits.Concurrent = 1 })
	first, err := r.Fetch(t.Context(), ask("GET", blob))
	require.NoError(t, err)
	a := send(t, r, ask("GET", blob))
	require.Equal(t, 503, a.Status)
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	require.NoError(t, first.Body.Close())
	require.Equal(t, 200, send(t, r, ask("GET", blob)).Status)
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := w.relay(nil).Fetch(ctx, ask("GET", blob))
	var fault *fetchshim.Fault
	require.ErrorAs(t, err, &fault)
	require.Equal(t, fetchshim.Cancelled, fault.Kind)
}

func TestUnreachable(t *testing.T) {
	w := hello(t)
	r := w.relay(nil)
	status, kind, message := refusal(t, r, ask("GET", "/relay/https/nowhere.example.com/v2/"))
	require.Equal(t, 502, status)
	require.Equal(t, "network", kind)
	require.Contains(t, message, "no such host")
	w.names["dead.example.com"] = []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr(otherAddr)}
	_, _, message = refusal(t, r, ask("GET", "/relay/https/dead.example.com/v2/"))
	require.Contains(t, message, "8.8.8.8")
	require.Contains(t, message, otherAddr)
}
