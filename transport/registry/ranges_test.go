package registry_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/registrytest"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// big is a blob of several parts, the last of them a short one.
func big(t *testing.T) contenttest.Content {
	t.Helper()
	b := make([]byte, 22<<20)
	_, err := rand.NewChaCha8([32]byte{1}).Read(b)
	require.NoError(t, err)
	return contenttest.NewContent("", b)
}

func inParts(o *registry.Options) { o.Ranges = 3 }

// TestRanges reads a large blob in parts that come at the same time.
func TestRanges(t *testing.T) {
	b := big(t)
	f := contenttest.Fixture{Blobs: []contenttest.Content{b}, Tag: "v1"}
	server := serve.New(serve.Options{Source: memory{f, false}})
	r := newRig(t, "r.example/a", server.Fetch, inParts)
	rc, err := r.Blob(b.Descriptor).Open(t.Context())
	require.NoError(t, err)
	got, err := io.ReadAll(rc)
	require.NoError(t, err)
	require.NoError(t, rc.Close())
	require.True(t, bytes.Equal(b.Bytes, got))
	require.Len(t, r.sent(), 6)
	require.Contains(t, r.sent(), "GET https://r.example/v2/a/blobs/"+b.Descriptor.Digest.String()+" bytes=20971520-")

	o, ok := content.As[content.RangeOpener](r.Blob(b.Descriptor))
	require.True(t, ok)
	for _, offset := range []int{1, 5 << 20, 21 << 20} {
		rc, err = o.OpenAt(t.Context(), int64(offset))
		require.NoError(t, err)
		got, err = io.ReadAll(rc)
		require.NoError(t, err)
		require.NoError(t, rc.Close())
		require.True(t, bytes.Equal(b.Bytes[offset:], got))
	}

	rc, err = r.Blob(b.Descriptor).Open(t.Context())
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, rc, 5<<20)
	require.NoError(t, err)
	require.NoError(t, rc.Close(), "in the middle")

	ctx, cancel := context.WithCancel(t.Context())
	rc, err = r.Blob(b.Descriptor).Open(ctx)
	require.NoError(t, err)
	cancel()
	_, err = io.Copy(io.Discard, rc)
	require.Equal(t, errs.Cancelled, errs.Of(err), "%v", err)
	require.NoError(t, rc.Close())
}

// TestRangesOfOthers: a registry that serves no ranges, or wrong ones, is read in one stream; one part gone is the error.
func TestRangesOfOthers(t *testing.T) {
	b := big(t)
	length := "Content-Length: " + "23068672"
	whole := says(200, string(b.Bytes), length)
	for name, c := range map[string]struct {
		f        fetchshim.Func
		requests int
	}{
		"no ranges":     {script(whole), 1},
		"another range": {script(says(206, string(b.Bytes[:100]), "Content-Range: bytes 0-99/23068672"), whole), 2},
		"refused":       {script(says(416, ""), whole), 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a", c.f, inParts)
			got, err := read(t, r.Blob(b.Descriptor))
			require.NoError(t, err)
			require.True(t, got == string(b.Bytes))
			require.Len(t, r.requests, c.requests)
		})
	}
	f := contenttest.Fixture{Blobs: []contenttest.Content{b}, Tag: "v1"}
	server := serve.New(serve.Options{Source: memory{f, false}})
	r := newRig(t, "r.example/a", func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if strings.HasPrefix(req.Header.Get("Range"), "bytes=8388608") {
			return answer(404, ""), nil
		}
		return server.Fetch(ctx, req)
	}, inParts)
	_, err := read(t, r.Blob(b.Descriptor))
	requireKind(t, errs.NotFound, err, b.Descriptor.Digest.String())
}

// TestRangesWithFaults: what is read is right, or there is an error.
func TestRangesWithFaults(t *testing.T) {
	b := big(t)
	f := contenttest.Fixture{Blobs: []contenttest.Content{b}, Tag: "v1"}
	server := serve.New(serve.Options{Source: memory{f, false}})
	good := 0
	for seed := range uint64(12) {
		faults := &registrytest.Faults{Fetcher: server, Seed: seed, Rate: 10}
		r := newRig(t, "r.example/a", faults.Fetch, inParts)
		got, err := read(t, r.Blob(b.Descriptor))
		if err == nil {
			require.True(t, got == string(b.Bytes))
			good++
		}
	}
	require.Positive(t, good)
}
