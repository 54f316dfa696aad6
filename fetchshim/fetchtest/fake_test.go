package fetchtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
)

// witness is a TB that keeps its errors and cleanups instead of failing.
type witness struct {
	testing.TB
	errors   []string
	cleanups []func()
}

func (w *witness) Errorf(format string, args ...any) {
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}
func (w *witness) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }

func TestFake(t *testing.T) {
	gone := errors.New("gone")
	f := fetchtest.NewFake(t,
		fetchtest.Exchange{Method: "GET", URL: "https://r.example/v2/", Status: 401,
			Header: fetchshim.Header{{Name: "WWW-Authenticate", Value: "Basic"}}},
		fetchtest.Exchange{Method: "PUT", URL: "https://r.example/u", SendsBody: []byte("hello"),
			Sends: fetchshim.Header{{Name: "content-type", Value: "a/b"}}, Body: []byte("ok")},
		fetchtest.Exchange{Method: "GET", URL: "https://r.example/x", Err: gone},
	)
	f.Form = fetchshim.UploadBlob
	r := &fetchtest.Recorder{Next: f}
	require.Equal(t, fetchshim.UploadBlob, fetchshim.UploadOf(r))

	res, err := r.Fetch(t.Context(), &fetchshim.Request{URL: "https://r.example/v2/"})
	require.NoError(t, err)
	require.Equal(t, 401, res.Status)
	require.Equal(t, "Basic", res.Header.Get("www-authenticate"))
	res, err = r.Fetch(t.Context(), &fetchshim.Request{Method: "PUT", URL: "https://r.example/u",
		Header: fetchshim.Header{{Name: "Content-Type", Value: "a/b"}}, Body: fetchshim.Bytes("hello")})
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "ok", string(b))
	_, err = r.Fetch(t.Context(), &fetchshim.Request{URL: "https://r.example/x"})
	require.ErrorIs(t, err, gone)

	require.Equal(t, []string{"GET https://r.example/v2/", "PUT https://r.example/u", "GET https://r.example/x"}, r.Lines())
	noted := r.Requests()
	require.False(t, noted[0].Closed)
	require.Equal(t, fetchtest.Noted{Method: "PUT", URL: "https://r.example/u", Status: 200, Opens: 1, Sent: 5, Received: 2,
		Closed: true, Header: fetchshim.Header{{Name: "Content-Type", Value: "a/b"}}}, noted[1])
	require.ErrorIs(t, noted[2].Err, gone)
}

func TestFakeRoute(t *testing.T) {
	f := fetchtest.NewFake(t)
	f.Route = func(req *fetchshim.Request) (fetchtest.Exchange, error) {
		return fetchtest.Exchange{Status: 404, Body: []byte(req.URL)}, nil
	}
	res, err := f.Fetch(t.Context(), &fetchshim.Request{URL: "https://r.example/a"})
	require.NoError(t, err)
	require.Equal(t, 404, res.Status)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.Fetch(ctx, &fetchshim.Request{URL: "https://r.example/a"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestFakeComplains(t *testing.T) {
	get := fetchtest.Exchange{Method: "GET", URL: "https://r.example/a"}
	for name, c := range map[string]struct {
		script []fetchtest.Exchange
		req    *fetchshim.Request
	}{
		"unexpected":  {nil, &fetchshim.Request{URL: "https://r.example/a"}},
		"other URL":   {[]fetchtest.Exchange{get}, &fetchshim.Request{URL: "https://r.example/b"}},
		"other verb":  {[]fetchtest.Exchange{get}, &fetchshim.Request{Method: "PUT", URL: "https://r.example/a"}},
		"no header":   {[]fetchtest.Exchange{{Sends: fetchshim.Header{{Name: "A", Value: "b"}}}}, &fetchshim.Request{}},
		"no body":     {[]fetchtest.Exchange{{SendsBody: []byte("x")}}, &fetchshim.Request{}},
		"other body":  {[]fetchtest.Exchange{{SendsBody: []byte("x")}}, &fetchshim.Request{Body: fetchshim.Bytes("y")}},
		"not used up": {[]fetchtest.Exchange{get, get}, &fetchshim.Request{URL: "https://r.example/a"}},
	} {
		w := &witness{TB: t}
		f := fetchtest.NewFake(w, c.script...)
		_, err := f.Fetch(t.Context(), c.req)
		for _, cleanup := range w.cleanups {
			cleanup()
		}
		require.Len(t, w.errors, 1, name)
		require.Equal(t, name == "not used up", err == nil, name)
	}
}

func TestPattern(t *testing.T) {
	p := fetchtest.NewPattern()
	n, err := p.Drain(p.Reader(5<<20+3), 0, nil)
	require.NoError(t, err)
	require.Equal(t, int64(5<<20+3), n)
	require.Error(t, p.Check(1, p[:10]))
	require.NoError(t, p.Check(int64(len(p))-5, append([]byte(p[len(p)-5:]), p[:5]...)))
}
