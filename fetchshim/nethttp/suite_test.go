package nethttp_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp/testserver"
)

func open(t *testing.T) fetchshim.Fetcher {
	f := nethttp.New(nethttp.Options{})
	t.Cleanup(f.CloseIdle)
	return f
}

func TestSuite(t *testing.T) {
	fetchtest.Suite(t, testserver.Start(t), fetchtest.Options{}, open)
}

// TestSuiteThroughHandler puts a proxy made of Handler and New before the server, so the suite tests both directions of it.
func TestSuiteThroughHandler(t *testing.T) {
	s := testserver.Start(t)
	s.A, s.B = proxy(t, s.A), proxy(t, s.B)
	fetchtest.Suite(t, s, fetchtest.Options{Ahead: 32 << 20, Large: 256 << 20}, open)
}

func proxy(t *testing.T, to string) string {
	client := nethttp.New(nethttp.Options{})
	t.Cleanup(client.CloseIdle)
	var base string
	forward := func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		r := *req
		r.URL = to + strings.TrimPrefix(req.URL, base)
		return client.Fetch(ctx, &r)
	}
	front := httptest.NewServer(nethttp.Handler(fetchshim.Func(forward)))
	t.Cleanup(front.Close)
	base = front.URL
	return base
}

// TestSuiteThroughRecorder shows that the decorator changes nothing.
func TestSuiteThroughRecorder(t *testing.T) {
	fetchtest.Suite(t, testserver.Start(t), fetchtest.Options{Large: 64 << 20}, func(t *testing.T) fetchshim.Fetcher {
		return &fetchtest.Recorder{Next: open(t)}
	})
}
