package core_test

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// TestCopyAgain: a registry that has everything is asked and not written to, and one that has the image under another tag gets
// the tag and nothing else.
func TestCopyAgain(t *testing.T) {
	src := mem.New()
	tagImage(t, src, "v1", contenttest.NewIndex())
	server := serve.New(depot.Memory().Serve())
	var mu sync.Mutex
	var writes, reads []string
	counted := fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		note := &writes
		if req.Method == "GET" || req.Method == "HEAD" {
			note = &reads
		}
		mu.Lock()
		*note = append(*note, req.Method+" "+req.URL)
		mu.Unlock()
		return server.Fetch(ctx, req)
	})
	mux := transport.New(transport.Options{Fetcher: counted, Mem: map[string]content.Source{"src": src}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	copied := func(in core.CopyIn) (core.Copied, []string) {
		in.Source = cmp.Or(in.Source, "mem:src:v1")
		writes, reads = nil, nil
		out, err := core.Copy(t.Context(), env, in)
		require.NoError(t, err)
		return out.Destinations[0], writes
	}
	first, _ := copied(core.CopyIn{Destinations: []string{"localhost/a:v1"}})
	again, wrote := copied(core.CopyIn{Destinations: []string{"localhost/a:v1"}})
	require.Empty(t, wrote)
	require.Equal(t, first.Digest, again.Digest)
	require.Equal(t, first.Manifests, again.Manifests)
	require.Equal(t, first.Stored, again.Existed)
	_, wrote = copied(core.CopyIn{Destinations: []string{"localhost/a:v1", "localhost/a:v2"}})
	require.Equal(t, []string{"PUT http://localhost/v2/a/manifests/v2"}, wrote)
	_, wrote = copied(core.CopyIn{Destinations: []string{"localhost/a:v1"}, VerifyExisting: true})
	require.NotEmpty(t, wrote, "what is to be repaired is written")

	within := core.CopyIn{Source: "localhost/a:v1", Destinations: []string{"localhost/b:v1"}}
	copied(within)
	require.True(t, slices.ContainsFunc(reads, signature), "what a copy leaves behind is looked for")
	_, wrote = copied(within)
	require.Empty(t, wrote)
	require.False(t, slices.ContainsFunc(reads, signature), "it is not where nothing is copied: %q", reads)

	require.NoError(t, deleteTag(t.Context(), mux, "localhost/a:v2"))
	_, wrote = copied(core.CopyIn{Destinations: []string{"localhost/a:v2"}, Platforms: []string{"linux/amd64"}})
	require.Len(t, wrote, 1, "the image is there, its tag is not")
}

func signature(request string) bool {
	return strings.Contains(request, "/referrers/") || strings.HasSuffix(request, ".sig")
}

func deleteTag(ctx context.Context, mux *transport.Mux, name string) error {
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	_, err := core.Delete(ctx, env, core.DeleteIn{Ref: name})
	return err
}

// TestOnePlanForAll copies to two endpoints while the tag moves: both get what it named at first.
func TestOnePlanForAll(t *testing.T) {
	src := mem.New()
	tagImage(t, src, "v1", contenttest.NewIndex())
	first, err := src.Manifest(t.Context(), "v1")
	require.NoError(t, err)
	mux := transport.New(transport.Options{Mem: map[string]content.Source{"src": src, "a": mem.New(), "b": mem.New()}})
	env := &core.Env{Source: mux.Open, Sink: func(ctx context.Context, r ref.Reference) (content.Sink, error) {
		tagImage(t, src, "v1", contenttest.NewImage())
		return mux.Create(ctx, r)
	}}
	out, err := core.Copy(t.Context(), env, core.CopyIn{Source: "mem:src:v1", Destinations: []string{"mem:a:v1", "mem:b:v1"}})
	require.NoError(t, err)
	require.Equal(t, first.Digest(), out.Destinations[0].Digest)
	require.Equal(t, first.Digest(), out.Destinations[1].Digest)
}

// TestLinkedIsReported: a copy says what it only gave another name, and so takes no space.
func TestLinkedIsReported(t *testing.T) {
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	dir := t.TempDir()
	from, to := "oci:"+dir+"/from:x", "oci:"+dir+"/to:x"
	copied := func(src, dst string) core.Copied {
		out, err := core.Copy(t.Context(), env, core.CopyIn{Source: src, Destinations: []string{dst}})
		require.NoError(t, err)
		return out.Destinations[0]
	}
	copied("oci:../testdata/harbor:amd64", from) // to be on one file system with what comes
	linked := copied(from, to)
	require.Equal(t, 5, linked.Stored.Blobs)
	require.Equal(t, &linked.Stored, linked.Linked)
	require.Nil(t, copied(from, to).Linked, "it is there already")
	require.Nil(t, copied(from, "oci-archive:"+dir+"/a.tar").Linked)
}

// TestDryRunMounts: a plan inside a registry says what is taken over there, as the copy does then.
func TestDryRunMounts(t *testing.T) {
	src := mem.New()
	tagImage(t, src, "v1", contenttest.NewIndex())
	mux := transport.New(transport.Options{Fetcher: serve.New(depot.Memory().Serve()), Mem: map[string]content.Source{"src": src}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	in := core.CopyIn{Source: "mem:src:v1", Destinations: []string{"localhost/a:v1"}}
	first, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	in = core.CopyIn{Source: "localhost/a:v1", Destinations: []string{"localhost/b:v1"}, DryRun: true}
	dry, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	require.Equal(t, first.Destinations[0].Stored, dry.Destinations[0].Mounted)
	require.Zero(t, dry.Destinations[0].Stored)
	in.DryRun = false
	done, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	require.Equal(t, dry.Destinations, done.Destinations)
}

// TestSurveyAsksOnce: what a copy leaves behind is worth no retries of a registry that has everything but that.
func TestSurveyAsksOnce(t *testing.T) {
	server := serve.New(depot.Memory().Serve())
	var looks atomic.Int32
	ill := fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if signature(req.URL) {
			looks.Add(1)
			return nil, &fetchshim.Fault{Kind: fetchshim.Network, URL: req.URL, Err: io.ErrUnexpectedEOF}
		}
		return server.Fetch(ctx, req)
	})
	src := mem.New()
	tagImage(t, src, "v1", contenttest.NewImage())
	mux := transport.New(transport.Options{Fetcher: ill, Mem: map[string]content.Source{"src": src, "dst": mem.New()}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	for _, in := range []core.CopyIn{
		{Source: "mem:src:v1", Destinations: []string{"localhost/a:v1"}},
		{Source: "localhost/a:v1", Destinations: []string{"mem:dst:v1"}},
	} {
		_, err := core.Copy(t.Context(), env, in)
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, looks.Load(), "one for referrers, one for a signature's tag")
}
