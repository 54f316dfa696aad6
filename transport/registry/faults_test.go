package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/registrytest"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// counted is a Fetcher that gives up on a client which does not.
type counted struct {
	fetchshim.Fetcher
	n atomic.Int64
}

func (c *counted) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	if c.n.Add(1) > 5000 {
		return nil, &fetchshim.Fault{Kind: fetchshim.Refused, URL: req.URL, Err: fmt.Errorf("too many requests")}
	}
	return c.Fetcher.Fetch(ctx, req)
}

// copyAll copies the image v1 from one registry to another one.
func copyAll(ctx context.Context, from, to *registry.Client, src, dst string) error {
	plan, err := xfer.New(ctx, from.Repository(mustParse(src)), "v1", src, xfer.Options{Clock: newClock()})
	if err != nil {
		return err
	}
	_, err = plan.Move(ctx, to.Sink(mustParse(dst)), []string{"v1"})
	return err
}

// whole reads everything that a tag leads to, verified; kind not_found where the tag is not there.
func whole(ctx context.Context, s content.Source) error {
	root, err := s.Manifest(ctx, "v1")
	if err != nil {
		return err
	}
	plan, err := xfer.New(ctx, s, root.Digest().String(), "", xfer.Options{})
	if err != nil {
		return fmt.Errorf("the tag names what is not whole: %v", err)
	}
	blobs, err := plan.Blobs()
	if err != nil {
		return fmt.Errorf("the tag names what is not whole: %v", err)
	}
	for _, d := range blobs {
		r, err := s.Blob(d).Open(ctx)
		if err == nil {
			_, err = new(bytes.Buffer).ReadFrom(r)
			_ = r.Close()
		}
		if err != nil {
			return fmt.Errorf("the tag names what is not whole: %v", err)
		}
	}
	return nil
}

const (
	sourceName      = "source.example/app:v1"
	destinationName = "destination.example/copy:v1"
)

// TestFaults copies from a registry that misbehaves to another one that does. Whatever happens, it ends; without an error all
// is there, with one nothing has the tag that is not whole, and a second run without faults completes it.
func TestFaults(t *testing.T) {
	seeds := uint64(100)
	if os.Getenv("STEVEDORE_SOAK") != "" {
		seeds = 1000
	}
	source := depot.Memory()
	fill(t, source, contenttest.NewIndex())
	var mu sync.Mutex
	kinds, happened, done := map[errs.Kind]int{}, map[string]int{}, 0
	t.Run("seeds", func(t *testing.T) {
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				faults, err := misbehave(t, source, seed)
				mu.Lock()
				defer mu.Unlock()
				if kinds[errs.Of(err)]++; err == nil {
					done++
				}
				for _, f := range faults {
					for name, n := range f.Happened() {
						happened[name] += n
					}
				}
			})
		}
	})
	t.Logf("%d of %d copies ended well, the others by kind %v; faults %v", done, seeds, kinds, happened)
	require.Greater(t, done, int(seeds/3), "most faults pass")
	require.Zero(t, kinds[errs.Internal]+kinds[errs.Denied])
	if seeds >= 1000 {
		for _, name := range registrytest.Names() {
			require.Positive(t, happened[name], name)
		}
	}
}

// misbehave copies with the faults of a seed, checks what came of it, and returns those faults and the error of the copy.
func misbehave(t *testing.T, source *depot.Depot, seed uint64) ([]*registrytest.Faults, error) {
	destination := depot.Memory()
	var bad, good [2]*registry.Client
	var faults []*registrytest.Faults
	for i, d := range []*depot.Depot{source, destination} {
		server := serve.New(d.Serve())
		f := &registrytest.Faults{Fetcher: server, Seed: seed*2 + uint64(i), Rate: 5 + int(seed%4)*5, Auth: seed%3 == 0}
		faults = append(faults, f)
		o := registry.Options{Fetcher: &counted{Fetcher: f}, Clock: newClock()}
		if seed%2 == 1 {
			o.Chunk = 20_000
		}
		if seed%5 == 1 {
			o.Fetcher = held{o.Fetcher}
		}
		bad[i], good[i] = registry.New(o), registry.New(registry.Options{Fetcher: server})
	}
	err := copyAll(t.Context(), bad[0], bad[1], sourceName, destinationName)
	state := whole(t.Context(), good[1].Repository(parse(t, destinationName)))
	if err != nil {
		if state != nil {
			require.Equal(t, errs.NotFound, errs.Of(state), "%v (after %v)", state, err)
		}
		require.NoError(t, copyAll(t.Context(), good[0], good[1], sourceName, destinationName))
		state = whole(t.Context(), good[1].Repository(parse(t, destinationName)))
	}
	require.NoError(t, state)
	return faults, err
}

// fill puts an image into a depot.
func fill(t *testing.T, d *depot.Depot, f contenttest.Fixture) {
	t.Helper()
	s := registry.New(registry.Options{Fetcher: serve.New(d.Serve())}).Sink(parse(t, sourceName))
	for _, b := range f.Blobs {
		_, err := s.PutBlob(t.Context(), b.Blob())
		require.NoError(t, err)
	}
	for _, c := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	require.NoError(t, s.PutManifest(t.Context(), "v1", f.Root))
	require.NoError(t, s.Commit(t.Context()))
}
