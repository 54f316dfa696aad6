package nethttp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
)

func serve(t *testing.T, f fetchshim.Func) *httptest.Server {
	s := httptest.NewServer(nethttp.Handler(f))
	t.Cleanup(s.Close)
	return s
}

func reply(status int, body io.Reader, header ...fetchshim.Field) (*fetchshim.Response, error) {
	return &fetchshim.Response{Status: status, Header: header, Body: io.NopCloser(body)}, nil
}

func TestHandlerRequest(t *testing.T) {
	var seen *fetchshim.Request
	s := serve(t, func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		seen = req
		if req.Body != nil {
			rc, err := req.Body.Open(ctx)
			require.NoError(t, err)
			b, err := io.ReadAll(rc)
			require.NoError(t, err)
			require.Equal(t, "hello", string(b))
			require.NoError(t, rc.Close())
			_, err = req.Body.Open(ctx)
			require.ErrorContains(t, err, "cannot be read again")
		}
		return reply(202, strings.NewReader("ok"),
			fetchshim.Field{Name: "Connection", Value: "X-Hop"}, fetchshim.Field{Name: "X-Hop", Value: "1"},
			fetchshim.Field{Name: "Link", Value: "a"}, fetchshim.Field{Name: "Link", Value: "b"})
	})
	const target = "/v2/a%2Fb/blobs/sha256:ab?n=1&last=x%20y"
	res, err := open(t).Fetch(t.Context(), &fetchshim.Request{Method: "PUT", URL: s.URL + target, Body: fetchshim.Bytes("hello")})
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "ok", string(b))
	require.Equal(t, 202, res.Status)
	require.Equal(t, []string{"a", "b"}, res.Header.Values("Link"))
	require.Empty(t, res.Header.Get("X-Hop"))
	require.Equal(t, "PUT", seen.Method)
	require.Equal(t, s.URL+target, seen.URL)
	require.Equal(t, int64(5), seen.Body.Len())
	require.Equal(t, fetchshim.Manual, seen.Redirect)

	res, err = open(t).Fetch(t.Context(), &fetchshim.Request{URL: s.URL})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Nil(t, seen.Body)
}

func TestHandlerErrors(t *testing.T) {
	for kind, status := range map[fetchshim.FaultKind]int{
		fetchshim.Network: 502, fetchshim.Timeout: 504, fetchshim.Refused: 403, fetchshim.Unsupported: 501, "": 500,
	} {
		s := serve(t, func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
			if kind == "" {
				return nil, errors.New("secret")
			}
			return nil, &fetchshim.Fault{Kind: kind, URL: "http://inside.example/", Err: errors.New("secret")}
		})
		res, err := open(t).Fetch(t.Context(), &fetchshim.Request{URL: s.URL})
		require.NoError(t, err)
		b, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.Status)
		require.NotContains(t, string(b), "secret")
		require.NotContains(t, string(b), "inside.example")
	}
}

// TestHandlerBreaks: an error after the head must not look like the end, also without Content-Length.
func TestHandlerBreaks(t *testing.T) {
	s := serve(t, func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		return reply(200, io.MultiReader(strings.NewReader("half"), broken{}))
	})
	res, err := open(t).Fetch(t.Context(), &fetchshim.Request{URL: s.URL})
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.Equal(t, "half", string(b))
	require.Equal(t, fetchshim.Network, kindOf(t, err))
	require.NoError(t, res.Body.Close())
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broke") }

// TestHandlerBothWays: a response may begin while the request body still comes.
func TestHandlerBothWays(t *testing.T) {
	s := serve(t, func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		rc, err := req.Body.Open(ctx)
		require.NoError(t, err)
		return &fetchshim.Response{Status: 200, Body: rc}, nil
	})
	r, w := io.Pipe()
	body := fetchshim.BodyFunc{Size: -1, From: func(context.Context) (io.ReadCloser, error) { return r, nil }}
	go io.WriteString(w, "ping")
	res, err := open(t).Fetch(t.Context(), &fetchshim.Request{Method: "POST", URL: s.URL, Body: body})
	require.NoError(t, err)
	buf := make([]byte, 4)
	for _, word := range []string{"ping", "pong"} {
		_, err = io.ReadFull(res.Body, buf)
		require.NoError(t, err)
		require.Equal(t, word, string(buf))
		if word == "ping" {
			go func() {
				io.WriteString(w, "pong")
				w.Close()
			}()
		}
	}
	rest, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.NoError(t, res.Body.Close())
}

// TestHandlerEarlyAnswer: a registry asks for credentials before it reads an upload.
func TestHandlerEarlyAnswer(t *testing.T) {
	s := serve(t, func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		return reply(http.StatusUnauthorized, strings.NewReader("who?"))
	})
	for range 20 {
		body := fetchshim.Bytes(bytes.Repeat([]byte("x"), 100_000))
		res, err := open(t).Fetch(t.Context(), &fetchshim.Request{Method: "PUT", URL: s.URL, Body: body})
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, res.Status)
		require.NoError(t, res.Body.Close())
	}
}

// TestHandlerLeavesNoBody: a Fetcher that does not read a request's body leaves the connection fit for the next request, or
// closes it; net/http does not panic.
func TestHandlerLeavesNoBody(t *testing.T) {
	var log strings.Builder
	srv := httptest.NewUnstartedServer(nethttp.Handler(fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		body, err := fetchshim.Bytes("no").Open(ctx)
		return &fetchshim.Response{Status: 400, Body: body}, err
	})))
	var mu sync.Mutex
	srv.Config.ErrorLog = stdlog.New(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), "", 0)
	srv.Start()
	f := nethttp.New(nethttp.Options{})
	for _, size := range []int64{1, 100 << 10, 256 << 10, 300 << 10, 400 << 10, 10 << 20} {
		for _, known := range []bool{true, false} {
			body := fetchshim.BodyFunc{Size: size, From: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.LimitReader(zeros{}, size)), nil
			}}
			if !known {
				body.Size = -1
			}
			for range 3 {
				resp, err := f.Fetch(t.Context(), &fetchshim.Request{Method: "POST", URL: srv.URL, Body: body})
				if err != nil { // the connection was closed while the body was sent
					require.Greater(t, size, int64(256<<10))
					continue
				}
				require.Equal(t, 400, resp.Status)
				require.NoError(t, resp.Body.Close())
			}
		}
	}
	f.CloseIdle()
	srv.Close()
	mu.Lock()
	defer mu.Unlock()
	require.Empty(t, log.String())
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
