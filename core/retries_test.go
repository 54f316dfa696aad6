package core_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// TestRetriesAreReported copies to and from a registry whose first answer is that it is busy.
func TestRetriesAreReported(t *testing.T) {
	src := mem.New()
	tagImage(t, src, "v1", contenttest.NewImage())
	server := serve.New(depot.Memory().Serve())
	var busy atomic.Bool
	flaky := fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if busy.Swap(false) {
			req = &fetchshim.Request{Method: req.Method, URL: "http://localhost/busy"}
			resp, err := server.Fetch(ctx, req)
			if err == nil {
				resp.Status = 503
			}
			return resp, err
		}
		return server.Fetch(ctx, req)
	})
	mux := transport.New(transport.Options{Fetcher: flaky, Mem: map[string]content.Source{"src": src, "dst": mem.New()}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	copied := func(from, to string) int64 {
		out, err := core.Copy(t.Context(), env, core.CopyIn{Source: from, Destinations: []string{to}})
		require.NoError(t, err)
		return out.Destinations[0].Retries
	}
	busy.Store(true)
	require.EqualValues(t, 1, copied("mem:src:v1", "localhost/a:v1"))
	busy.Store(true)
	require.EqualValues(t, 1, copied("localhost/a:v1", "mem:dst:v1"))
	require.Zero(t, copied("localhost/a:v1", "mem:dst:v1"))
}
