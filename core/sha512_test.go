package core_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// TestSHA512UnderTag: an image that is named by its SHA-512 digest goes by that at the destination as well, under a tag too, and a
// registry that takes only SHA-256 is said to have given it another.
func TestSHA512UnderTag(t *testing.T) {
	src := mem.New()
	f := contenttest.NewIndex()
	tagImage(t, src, "v1", f)
	strong := digest.SHA512.FromBytes(f.Root.Raw)
	knows, narrow := serve.New(depot.Memory().Serve()), serve.New(depot.Memory().Serve())
	fetcher := fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		switch {
		case !strings.Contains(req.URL, "narrow"):
			return knows.Fetch(ctx, req)
		case req.Method == "PUT" && strings.Contains(req.URL, "sha512:"):
			return &fetchshim.Response{Status: 400, Body: io.NopCloser(strings.NewReader(`{"errors":[{"code":"DIGEST_INVALID"}]}`))}, nil
		}
		return narrow.Fetch(ctx, req)
	})
	var warnings []string
	mux := transport.New(transport.Options{
		Fetcher: fetcher, Files: osfs.Host{}, Writable: osfs.Host{}, Mem: map[string]content.Source{"src": src, "dst": mem.New()},
	})
	env := &core.Env{Source: mux.Open, Sink: mux.Create, Event: func(e event.Event) {
		if e.Kind == event.Warning {
			warnings = append(warnings, e.Message)
		}
	}}
	dir := t.TempDir()
	for _, dst := range []string{"localhost/a:v1", "localhost/a:v2", "mem:dst:v1", "oci:" + dir + "/layout:v1", "oci-archive:" + dir + "/a.tar:v1"} {
		in := core.CopyIn{Source: "mem:src@" + strong.String(), Destinations: []string{dst}, PreserveDigests: true}
		if dst == "localhost/a:v2" {
			in.Source = "localhost/a:v1"
		}
		out, err := core.Copy(t.Context(), env, in)
		require.NoError(t, err, dst)
		require.Equal(t, strong, out.Digest, dst)
		there, err := core.Digest(t.Context(), env, core.DigestIn{Ref: dst})
		require.NoError(t, err)
		require.Equal(t, strong, there.Digest, dst)
		if again, err := core.Copy(t.Context(), env, in); !strings.HasSuffix(dst, ".tar:v1") {
			require.NoError(t, err)
			require.True(t, again.Destinations[0].Nothing(), dst)
		}
	}
	require.Empty(t, warnings)

	in := core.CopyIn{Source: "mem:src@" + strong.String(), Destinations: []string{"localhost/narrow:v1"}}
	out, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	require.Equal(t, strong, out.SourceDigest)
	require.Equal(t, f.Root.Digest(), out.Digest, "as the registry answers")
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], f.Root.Digest().String())
	in.PreserveDigests = true
	_, err = core.Copy(t.Context(), env, in)
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.ErrorContains(t, err, f.Root.Digest().String())
}
