package registry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// before11 is a registry of before version 1.1 of the specification: it stores manifests with a subject and lists none.
func before11(f fetchshim.Fetcher) fetchshim.Fetcher {
	return fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if strings.Contains(req.URL, "/referrers/") {
			return answer(404, "404 page not found"), nil
		}
		resp, err := f.Fetch(ctx, req)
		if err == nil {
			resp.Header.Del("OCI-Subject")
		}
		return resp, err
	})
}

func signature(n int, subject v1.Descriptor) oci.Document {
	return oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"artifactType":"example/signature",`+
		`"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[],"subject":{"mediaType":%q,"digest":%q,"size":%d},"annotations":{"n":"%d"}}`,
		v1.MediaTypeImageManifest, v1.MediaTypeEmptyJSON, v1.DescriptorEmptyJSON.Digest, subject.MediaType, subject.Digest, subject.Size, n)}
}

func TestFallbackTag(t *testing.T) {
	d := depot.Memory()
	f := contenttest.NewImage()
	fill(t, d, f)
	c := registry.New(registry.Options{Fetcher: before11(serve.New(d.Serve()))})
	r := parse(t, sourceName)
	subject := f.Root.Descriptor()
	tag := content.ReferrersTag(subject.Digest)
	_, err := c.Sink(r).PutBlob(t.Context(), contenttest.NewContent(v1.MediaTypeEmptyJSON, []byte("{}")).Blob())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 5 {
		wg.Go(func() {
			for range 2 { // the same one twice is one entry
				if err := c.Sink(r).PutManifest(t.Context(), "", signature(n, subject)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for d, err := range content.Referrers(t.Context(), c.Repository(r), subject.Digest) {
		require.NoError(t, err)
		require.Equal(t, "example/signature", d.ArtifactType)
		seen[d.Annotations["n"]] = true
	}
	require.Len(t, seen, 5)

	// A referrer that is deleted is listed no longer, and the list goes with the last one.
	deleter, ok := content.As[content.Deleter](c.Repository(r))
	require.True(t, ok)
	for n := range 5 {
		require.NoError(t, deleter.DeleteManifest(t.Context(), signature(n, subject).Digest()))
		left := 0
		for _, err := range content.Referrers(t.Context(), c.Repository(r), subject.Digest) {
			require.NoError(t, err)
			left++
		}
		require.Equal(t, 4-n, left)
	}
	_, err = c.Repository(r).Manifest(t.Context(), tag)
	require.Equal(t, errs.NotFound, errs.Of(err))

	// What somebody else wrote into the index stays.
	s := c.Sink(r)
	strange := oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: fmt.Appendf(nil,
		`{"schemaVersion":2,"x":[1],"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"y":"<z>"}]}`,
		v1.MediaTypeImageIndex, subject.MediaType, subject.Digest, subject.Size)}
	require.NoError(t, s.PutManifest(t.Context(), tag, strange))
	require.NoError(t, s.Commit(t.Context()))
	require.NoError(t, s.PutManifest(t.Context(), "", signature(9, subject)))
	doc, err := c.Repository(r).Manifest(t.Context(), tag)
	require.NoError(t, err)
	require.Contains(t, string(doc.Raw), `"x":[1]`)
	require.Contains(t, string(doc.Raw), `"y":"<z>"`)
	require.Contains(t, string(doc.Raw), signature(9, subject).Digest().String())

	require.NoError(t, s.PutManifest(t.Context(), tag, f.Root))
	require.NoError(t, s.Commit(t.Context()))
	err = s.PutManifest(t.Context(), "", signature(10, subject))
	requireKind(t, errs.Input, err, tag, "names no index")
}

// TestNoFallbackTag leaves it to a registry that lists referrers, also where the page does not see that it says so.
func TestNoFallbackTag(t *testing.T) {
	for name, wrap := range map[string]func(fetchshim.Fetcher) fetchshim.Fetcher{
		"told": func(f fetchshim.Fetcher) fetchshim.Fetcher { return f },
		"hidden": func(f fetchshim.Fetcher) fetchshim.Fetcher {
			return fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
				resp, err := f.Fetch(ctx, req)
				if err == nil {
					resp.Header.Del("OCI-Subject")
				}
				return resp, err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := depot.Memory()
			f := contenttest.NewImage()
			fill(t, d, f)
			c := registry.New(registry.Options{Fetcher: wrap(serve.New(d.Serve()))})
			r := parse(t, sourceName)
			_, err := c.Sink(r).PutBlob(t.Context(), contenttest.NewContent(v1.MediaTypeEmptyJSON, []byte("{}")).Blob())
			require.NoError(t, err)
			require.NoError(t, c.Sink(r).PutManifest(t.Context(), "", signature(1, f.Root.Descriptor())))
			_, err = c.Repository(r).Manifest(t.Context(), content.ReferrersTag(f.Root.Digest()))
			require.Equal(t, errs.NotFound, errs.Of(err))
		})
	}
}

// TestListIsAskedForOnce: a repository without the list of referrers is not asked for it again, by whoever has the same client. One
// that was not there, or did not like a digest, is.
func TestListIsAskedForOnce(t *testing.T) {
	subject := contenttest.NewImage().Root.Digest()
	for name, c := range map[string]struct {
		status int
		body   string
		want   int
	}{
		"absent":        {404, "404 page not found", 1},
		"not supported": {405, `{"errors":[{"code":"UNSUPPORTED"}]}`, 1},
		"no repository": {404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`, 2},
		"bad digest":    {400, `{"errors":[{"code":"DIGEST_INVALID"}]}`, 2},
		"listed":        {200, `{"schemaVersion":2,"manifests":[]}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a/b", func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
				if strings.Contains(req.URL, "/referrers/") {
					return answer(c.status, c.body), nil
				}
				return answer(404, ""), nil
			}, nil)
			for range 2 {
				for d, err := range content.Referrers(t.Context(), r.client.Repository(parse(t, "r.example/a/b")), subject) {
					t.Error(d, err)
				}
			}
			asked := 0
			for _, line := range r.sent() {
				if strings.Contains(line, "/referrers/") {
					asked++
				}
			}
			require.Equal(t, c.want, asked)
		})
	}
}

// TestNothingIsDeleted: a registry that deletes nothing is asked, and nothing is put into it to find that out.
func TestNothingIsDeleted(t *testing.T) {
	d := depot.Memory()
	f := contenttest.NewImage()
	fill(t, d, f)
	server := serve.New(d.Serve())
	r := newRig(t, sourceName, func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if req.Method == "DELETE" {
			return answer(405, `{"errors":[{"code":"UNSUPPORTED"}]}`), nil
		}
		return server.Fetch(ctx, req)
	}, nil)
	deleter, ok := content.As[content.Deleter](r.Source)
	require.True(t, ok)
	requireKind(t, errs.Unsupported, deleter.DeleteTag(t.Context(), f.Tag), sourceName+": tag: not supported")
	for _, line := range r.sent() {
		require.NotContains(t, line, "PUT ")
		require.NotContains(t, line, "POST ")
	}
}
