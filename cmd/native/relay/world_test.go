package relay_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

const (
	self  = "127.0.0.1:4999" // where the relay is, as far as its requests say
	token = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// world is an Internet of names with addresses, each of which leads to a server in this process.
type world struct {
	t     *testing.T
	roots *x509.CertPool

	mu       sync.Mutex
	names    map[string][]netip.Addr
	servers  map[netip.Addr]string // address → where it listens in truth
	resolved []string
	dialled  []netip.Addr
	seen     []*http.Request
}

func newWorld(t *testing.T) *world {
	return &world{t: t, roots: x509.NewCertPool(), names: map[string][]netip.Addr{}, servers: map[netip.Addr]string{}}
}

// site puts a server over TLS at a name below example.com and at a public address.
func (w *world) site(name, addr string, h http.HandlerFunc) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.seen = append(w.seen, r)
		w.mu.Unlock()
		h(rw, r)
	}))
	s.Config.ErrorLog = discard()
	s.StartTLS()
	w.t.Cleanup(s.Close)
	w.roots.AddCert(s.Certificate())
	w.names[name] = []netip.Addr{netip.MustParseAddr(addr)}
	w.servers[netip.MustParseAddr(addr)] = s.Listener.Addr().String()
}

func (w *world) relay(change func(*relay.Options)) *relay.Relay {
	o := relay.Options{
		Hosts: []string{self}, Token: token, TLS: &tls.Config{RootCAs: w.roots},
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.resolved = append(w.resolved, host)
			if a, ok := w.names[host]; ok {
				return a, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
		Connect: func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			w.mu.Lock()
			w.dialled = append(w.dialled, a.Addr())
			to, ok := w.servers[a.Addr()]
			w.mu.Unlock()
			if !ok {
				return nil, errors.New("nobody listens at " + a.String())
			}
			return new(net.Dialer).DialContext(ctx, "tcp", to)
		},
	}
	if change != nil {
		change(&o)
	}
	r, err := relay.New(o)
	require.NoError(w.t, err)
	w.t.Cleanup(r.Close)
	return r
}

// last is the last request that a site saw.
func (w *world) last() *http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	require.NotEmpty(w.t, w.seen)
	return w.seen[len(w.seen)-1]
}

// nothing says that no connection was even tried.
func (w *world) nothing() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.t, w.dialled)
}

// ask is what the page sends, with more headers; one of an empty value is left out.
func ask(method, path string, more ...fetchshim.Field) *fetchshim.Request {
	req := &fetchshim.Request{Method: method, URL: "http://" + self + path, Header: fetchshim.Header{
		{Name: "Sec-Fetch-Site", Value: "same-origin"}, {Name: relay.Mark, Value: token},
	}}
	for _, f := range more {
		req.Header.Del(f.Name)
	}
	for _, f := range more {
		if f.Value != "" {
			req.Header.Add(f.Name, f.Value)
		}
	}
	return req
}

type answer struct {
	*fetchshim.Response
	body string
	err  error // of reading the body
}

func send(t *testing.T, r *relay.Relay, req *fetchshim.Request) answer {
	t.Helper()
	resp, err := r.Fetch(t.Context(), req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return answer{resp, string(b), err}
}

// refusal is the answer of a relay that did not forward.
func refusal(t *testing.T, r *relay.Relay, req *fetchshim.Request) (status int, kind, message string) {
	t.Helper()
	a := send(t, r, req)
	require.NoError(t, a.err)
	require.Equal(t, "refused", a.Header.Get(relay.Mark), a.body)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	var b struct {
		Error struct{ Kind, Message, Hint string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &b))
	return a.Status, b.Error.Kind, b.Error.Message
}

func field(name, value string) fetchshim.Field { return fetchshim.Field{Name: name, Value: value} }
