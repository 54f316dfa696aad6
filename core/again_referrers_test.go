package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// signedImage is a repository with an index under the tag v1, and a signature of it.
func signedImage(t *testing.T) *mem.Repository {
	t.Helper()
	f := contenttest.NewIndex()
	src := mem.New()
	tagImage(t, src, "v1", f)
	subject := f.Root.Descriptor()
	sign(t, src, subject, "one")
	return src
}

// sign adds a signature of subject to a repository.
func sign(t *testing.T, r *mem.Repository, subject v1.Descriptor, payload string) {
	t.Helper()
	empty := contenttest.NewContent(v1.MediaTypeEmptyJSON, []byte("{}"))
	layer := contenttest.NewContent("application/octet-stream", []byte(payload))
	m := v1.Manifest{
		MediaType: v1.MediaTypeImageManifest, ArtifactType: "example/signature", Config: empty.Descriptor,
		Layers: []v1.Descriptor{layer.Descriptor}, Subject: &subject,
	}
	m.SchemaVersion = 2
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	s := r.Sink()
	for _, c := range []contenttest.Content{empty, layer} {
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
	}
	require.NoError(t, s.PutManifest(t.Context(), "", oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: raw}))
	require.NoError(t, s.Commit(t.Context()))
}

// spy is a registry that counts what is written to it.
type spy struct {
	fetchshim.Fetcher
	api    bool // it has the list of referrers
	empty  bool // which it does not fill, as one that stored its manifests before it had the list
	writes atomic.Int32
}

func (s *spy) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	if req.Method != "GET" && req.Method != "HEAD" {
		s.writes.Add(1)
	}
	if strings.Contains(req.URL, "/referrers/") {
		switch {
		case !s.api:
			return &fetchshim.Response{Status: 404, Body: io.NopCloser(bytes.NewReader(nil))}, nil
		case s.empty:
			return &fetchshim.Response{Status: 200, Body: io.NopCloser(strings.NewReader(`{"schemaVersion":2,"manifests":[]}`))}, nil
		}
	}
	resp, err := s.Fetcher.Fetch(ctx, req)
	if err == nil && !s.api {
		resp.Header.Del("OCI-Subject")
	}
	return resp, err
}

// TestReferrersAgain: a registry that has an image and all that refers to it is not written to, and the report says so. A manifest
// that is there and in no list of referrers is written, which is how a registry learns of it.
func TestReferrersAgain(t *testing.T) {
	for name, api := range map[string]bool{"with the list": true, "with a tag instead": false} {
		t.Run(name, func(t *testing.T) {
			src := signedImage(t)
			reg := &spy{Fetcher: serve.New(depot.Memory().Serve()), api: api}
			mux := transport.New(transport.Options{Fetcher: reg, Mem: map[string]content.Source{"src": src}})
			env := &core.Env{Source: mux.Open, Sink: mux.Create}
			in := core.CopyIn{Source: "mem:src:v1", Destinations: []string{"localhost/a:v1"}, Referrers: true}
			copied := func() (core.Copied, int32) {
				reg.writes.Store(0)
				in.DryRun = true
				dry, err := core.Copy(t.Context(), env, in)
				require.NoError(t, err)
				require.Zero(t, reg.writes.Load())
				in.DryRun = false
				out, err := core.Copy(t.Context(), env, in)
				require.NoError(t, err)
				require.Equal(t, dry.Destinations[0].Written, out.Destinations[0].Written)
				return out.Destinations[0], reg.writes.Load()
			}
			first, _ := copied()
			require.Equal(t, first.Manifests, first.Written)
			again, wrote := copied()
			require.Zero(t, wrote)
			require.Zero(t, again.Written)
			require.True(t, again.Nothing())
			require.Equal(t, first.Manifests, again.Manifests)

			root, err := src.Resolve(t.Context(), "v1")
			require.NoError(t, err)
			sign(t, src, root, "two")
			more, _ := copied()
			require.Equal(t, 1, more.Written, "the signature that is new")

			if api {
				reg.empty = true
				unlisted, wrote := copied()
				require.EqualValues(t, 2, wrote, "both signatures, and nothing else")
				require.Equal(t, 2, unlisted.Written)
			} else {
				require.NoError(t, deleteTag(t.Context(), mux, "localhost/a:"+content.ReferrersTag(root.Digest)))
				unlisted, _ := copied()
				require.Equal(t, 2, unlisted.Written)
				again, wrote := copied()
				require.Zero(t, wrote)
				require.Zero(t, again.Written)
			}
		})
	}
}

// TestCompressedAgain: what is compressed anew is compared, too, once its digest is known.
func TestCompressedAgain(t *testing.T) {
	reg := &spy{Fetcher: serve.New(depot.Memory().Serve()), api: true}
	mux := transport.New(transport.Options{Fetcher: reg, Mem: map[string]content.Source{"src": signedImage(t)}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	in := core.CopyIn{Source: "mem:src:v1", Destinations: []string{"localhost/a:v1"}, Compress: "zstd"}
	first, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	require.False(t, first.Destinations[0].Nothing())
	reg.writes.Store(0)
	again, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	require.Equal(t, first.Digest, again.Digest)
	require.True(t, again.Destinations[0].Nothing())
	require.Zero(t, reg.writes.Load())
}

// TestSyncReferrersAgain: what a run with referrers did not have to write is unchanged, at every endpoint that several images share.
func TestSyncReferrersAgain(t *testing.T) {
	dir := t.TempDir()
	reg := &spy{Fetcher: serve.New(depot.Memory().Serve()), api: true}
	mux := transport.New(transport.Options{
		Fetcher: reg, Files: osfs.Host{}, Writable: osfs.Host{}, Mem: map[string]content.Source{"src": signedImage(t), "dst": mem.New()},
	})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	for _, dst := range []string{"localhost/a:v1", "mem:dst:v1", "oci:" + dir + "/layout:v1", "static:" + dir + "/static:a:v1"} {
		t.Run(dst, func(t *testing.T) {
			in := core.SyncIn{Jobs: []core.SyncJob{{Source: "mem:src:v1", Destination: dst}}, Referrers: true}
			for _, want := range []string{"would copy", "copied", "unchanged"} {
				in.DryRun = want == "would copy"
				done, err := runSync(t, env, in)
				require.NoError(t, err)
				require.Equal(t, map[string]string{dst: want}, done)
			}
			in.DryRun = true
			done, err := runSync(t, env, in)
			require.NoError(t, err)
			require.Equal(t, map[string]string{dst: "unchanged"}, done)
			in.DryRun, in.Jobs[0].Destination = false, strings.TrimSuffix(dst, "v1")+"v2"
			for it, err := range core.Sync(t.Context(), env, in) {
				require.NoError(t, err)
				require.Equal(t, "copied", it.Action, "it has another name")
				require.Equal(t, 1, it.Written)
			}
		})
	}
}

// TestLoadAgain: a bundle that is loaded a second time changes nothing.
func TestLoadAgain(t *testing.T) {
	dir := t.TempDir()
	reg := &spy{Fetcher: serve.New(depot.Memory().Serve())}
	mux := transport.New(transport.Options{
		Fetcher: reg, Files: osfs.Host{}, Writable: osfs.Host{}, Mem: map[string]content.Source{"src": signedImage(t)},
	})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	_, err := core.Bundle(t.Context(), env, core.BundleIn{Archive: dir + "/b.tar", Refs: []string{"mem:src:v1"}})
	require.NoError(t, err)
	for _, want := range []string{"copied", "unchanged"} {
		reg.writes.Store(0)
		for it, err := range core.Load(t.Context(), env, core.LoadIn{Archive: dir + "/b.tar", To: "localhost/there"}) {
			require.NoError(t, err)
			require.Equal(t, want, it.Action)
		}
	}
	require.Zero(t, reg.writes.Load())
}

// TestDryRunAgain: what a copy would do to what it made is what it does.
func TestDryRunAgain(t *testing.T) {
	dir := t.TempDir()
	reg := &spy{Fetcher: serve.New(depot.Memory().Serve()), api: true}
	mux := transport.New(transport.Options{Fetcher: reg, Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	for _, dst := range []string{"localhost/a:v1", "oci:" + dir + "/l:v1", "static:" + dir + "/s:a:v1", "dir:" + dir + "/d", "oci-archive:" + dir + "/o.tar:v1", "docker-archive:" + dir + "/d.tar:a:v1"} {
		in := core.CopyIn{Source: "oci:../testdata/harbor:amd64", Destinations: []string{dst}}
		_, err := core.Copy(t.Context(), env, in)
		require.NoError(t, err)
		in.DryRun = true
		dry, err := core.Copy(t.Context(), env, in)
		require.NoError(t, err)
		in.DryRun = false
		done, err := core.Copy(t.Context(), env, in)
		require.NoError(t, err)
		dry.DryRun = false
		require.Equal(t, done, dry, dst)
		require.Equal(t, !strings.Contains(dst, "archive:"), done.Destinations[0].Nothing(), "archives are written anew: %s", dst)
	}
}
