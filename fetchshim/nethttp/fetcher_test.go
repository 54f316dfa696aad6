package nethttp_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
)

func kindOf(t *testing.T, err error) fetchshim.FaultKind {
	t.Helper()
	var fault *fetchshim.Fault
	require.ErrorAs(t, err, &fault)
	return fault.Kind
}

// pemOf is the certificate of a TLS test server, as a CA file.
func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	}))
	t.Cleanup(server.Close)
	get := func(o nethttp.Options) error {
		f := nethttp.New(o)
		defer f.CloseIdle()
		res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: server.URL})
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	require.Equal(t, fetchshim.Network, kindOf(t, get(nethttp.Options{})))
	for _, o := range []nethttp.TLS{{CA: pemOf(server)}, {SkipVerify: true}} {
		c, err := o.Config()
		require.NoError(t, err)
		require.NoError(t, get(nethttp.Options{TLS: c}))
	}

	c, err := nethttp.TLS{}.Config()
	require.NoError(t, err)
	require.Nil(t, c)
	_, err = nethttp.TLS{CA: []byte("not PEM")}.Config()
	require.ErrorContains(t, err, "CA file")
	_, err = nethttp.TLS{Cert: pemOf(server)}.Config()
	require.ErrorContains(t, err, "client certificate")
}

// TestDowngrade: a redirect from https to http is refused with credentials and followed without.
func TestDowngrade(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusTemporaryRedirect))
	t.Cleanup(secure.Close)
	c, err := nethttp.TLS{CA: pemOf(secure)}.Config()
	require.NoError(t, err)
	f := nethttp.New(nethttp.Options{TLS: c})
	t.Cleanup(f.CloseIdle)

	_, err = f.Fetch(t.Context(), &fetchshim.Request{
		URL: secure.URL, Header: fetchshim.Header{{Name: "Authorization", Value: "Bearer secret"}}})
	require.Equal(t, fetchshim.Refused, kindOf(t, err))
	res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: secure.URL})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, plain.URL, res.URL)
}

// TestSubdomain: net/http's own client would keep the credentials for a subdomain and for another port.
func TestSubdomain(t *testing.T) {
	var seen []string
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.URL.String()+" "+r.Header.Get("Authorization"))
		res := httptest.NewRecorder()
		if next := r.URL.Query().Get("to"); next != "" {
			http.Redirect(res, r, next, http.StatusFound)
		}
		return res.Result(), nil
	})
	f := nethttp.New(nethttp.Options{Transport: transport})
	for _, to := range []string{"https://sub.r.example/", "https://r.example:444/", "https://R.example:443/"} {
		res, err := f.Fetch(t.Context(), &fetchshim.Request{
			URL:    "https://r.example/?to=" + url.QueryEscape(to),
			Header: fetchshim.Header{{Name: "Authorization", Value: "Bearer x"}}})
		require.NoError(t, err)
		res.Body.Close()
	}
	require.Equal(t, "https://sub.r.example/ ", seen[1])
	require.Equal(t, "https://r.example:444/ ", seen[3])
	require.Equal(t, "https://R.example:443/ Bearer x", seen[5])
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRefused(t *testing.T) {
	denied := errors.New("not on the list")
	server := httptest.NewServer(http.RedirectHandler("http://denied.example/?signature=s3cret", http.StatusFound))
	t.Cleanup(server.Close)
	f := nethttp.New(nethttp.Options{Allow: func(u *url.URL) error {
		if u.Host == "denied.example" {
			return denied
		}
		return nil
	}})
	t.Cleanup(f.CloseIdle)
	_, err := f.Fetch(t.Context(), &fetchshim.Request{URL: server.URL})
	require.Equal(t, fetchshim.Refused, kindOf(t, err))
	require.ErrorIs(t, err, denied)
	require.NotContains(t, err.Error(), "s3cret")
	for _, bad := range []string{"ftp://r.example/", "http://user:word@r.example/", "/v2/", "http://[", ""} {
		_, err := f.Fetch(t.Context(), &fetchshim.Request{URL: bad})
		require.Equal(t, fetchshim.Refused, kindOf(t, err), bad)
	}
}

// TestInactivity: silence is a timeout, while a caller that does not read and a source that does not give are not.
func TestInactivity(t *testing.T) {
	const limit = 300 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "first")
		http.NewResponseController(w).Flush()
		if r.URL.Path == "/silent" {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	f := nethttp.New(nethttp.Options{Inactivity: limit})
	t.Cleanup(f.CloseIdle)

	res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: server.URL + "/silent"})
	require.NoError(t, err)
	got, err := io.ReadAll(res.Body)
	require.Equal(t, "first", string(got))
	require.Equal(t, fetchshim.Timeout, kindOf(t, err))
	require.ErrorContains(t, err, "no byte for 300ms")
	require.NoError(t, res.Body.Close())

	slow := fetchshim.BodyFunc{Size: -1, From: func(context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			io.WriteString(w, "a")
			time.Sleep(2 * limit)
			io.WriteString(w, "b")
			w.Close()
		}()
		return r, nil
	}}
	res, err = f.Fetch(t.Context(), &fetchshim.Request{Method: "PUT", URL: server.URL + "/", Body: slow})
	require.NoError(t, err)
	time.Sleep(2 * limit)
	got, err = io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "first", string(got))
	require.NoError(t, res.Body.Close())
}

// TestInactiveUpload: a server that stops reading stops an upload.
func TestInactiveUpload(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	f := nethttp.New(nethttp.Options{Inactivity: 300 * time.Millisecond})
	t.Cleanup(f.CloseIdle)
	body := fetchshim.BodyFunc{Size: 1 << 30, From: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, 1<<30)), nil
	}}
	_, err := f.Fetch(t.Context(), &fetchshim.Request{Method: "PUT", URL: server.URL, Body: body})
	require.Equal(t, fetchshim.Timeout, kindOf(t, err))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHeaderTimeout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(server.Close)
	f := nethttp.New(nethttp.Options{HeaderTimeout: 100 * time.Millisecond})
	t.Cleanup(f.CloseIdle)
	_, err := f.Fetch(t.Context(), &fetchshim.Request{URL: server.URL})
	require.Equal(t, fetchshim.Timeout, kindOf(t, err))
}

func TestConnectionIsUsedAgain(t *testing.T) {
	ports := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ports[r.RemoteAddr] = true
		io.WriteString(w, strings.Repeat("x", 100_000))
	}))
	t.Cleanup(server.Close)
	f := open(t)
	for range 5 {
		res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: server.URL})
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	require.Len(t, ports, 1)
}

// TestHTTP2 is the rest of the protocol a registry speaks: a body read and one broken off over one connection.
func TestHTTP2(t *testing.T) {
	gone := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		for range 1 << 10 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				close(gone)
				return
			}
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	c, err := nethttp.TLS{CA: pemOf(server)}.Config()
	require.NoError(t, err)
	f := nethttp.New(nethttp.Options{TLS: c})
	t.Cleanup(f.CloseIdle)
	res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: server.URL})
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", res.Header.Get("X-Proto"))
	_, err = io.ReadFull(res.Body, make([]byte, 1000))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	select {
	case <-gone:
	case <-time.After(time.Second):
		t.Fatal("the server did not see the stream close")
	}
}
