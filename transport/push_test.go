package transport_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/registry"
)

// held is a Fetcher for hosts that cannot stream a body.
type held struct{ fetchshim.Fetcher }

func (held) Upload() fetchshim.Upload { return fetchshim.UploadBlob }

func parse(t testing.TB, typed string) ref.Reference {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	return r
}

// ranged is a blob that is not read verified where it need not be.
type ranged struct {
	content.Blob
	b []byte
}

func (r ranged) OpenAt(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(r.b[offset:])), nil
}

// pushClients push in each of the ways there are: whole, streamed, in chunks. A request that is sent again fails the test
// unless that is expected.
func pushClients(t *testing.T, retries bool) map[string]*registry.Client {
	f := nethttp.New(nethttp.Options{})
	t.Cleanup(f.CloseIdle)
	quiet := func(e event.Event) {
		if !retries {
			t.Errorf("%s %s: %s", e.Kind, e.Subject, e.Message)
		}
	}
	return map[string]*registry.Client{
		"whole":    registry.New(registry.Options{Fetcher: f, Event: quiet}),
		"streamed": registry.New(registry.Options{Fetcher: f, Event: quiet, Chunk: 1}),
		"chunks":   registry.New(registry.Options{Fetcher: held{f}, Event: quiet, Chunk: 64 << 10}),
	}
}

// TestPush pushes to the registries of other projects: the shared suite, mounts, and what their owners' tools read back.
func TestPush(t *testing.T) {
	for name, start := range registries {
		if !haveRegistry(t, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			host := start(t)
			for way, c := range pushClients(t, false) {
				for kind, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
					t.Run(way+"/"+kind, func(t *testing.T) { pushes(t, c, pushClients(t, true)[way], parse(t, host+"/"+way+"/"+kind+":v1"), f) })
				}
			}
			t.Run("mount", func(t *testing.T) { mounts(t, host) })
			t.Run("manage", func(t *testing.T) { manages(t, host) })
			t.Run("read back", func(t *testing.T) { readBack(t, host) })
			t.Run("theirs", func(t *testing.T) { readTheirs(t, host) })
		})
	}
}

// pushes writes an image and reads it back.
func pushes(t *testing.T, c, loud *registry.Client, r ref.Reference, f contenttest.Fixture) {
	s := c.Sink(r)
	for _, b := range append(f.Blobs, contenttest.NewContent("", nil)) {
		_, err := s.PutBlob(t.Context(), b.Blob())
		require.NoError(t, err)
		how, err := s.PutBlob(t.Context(), b.Blob())
		require.NoError(t, err)
		require.Equal(t, content.Existed, how)
	}
	_, err := s.PutBlob(t.Context(), f.Tampered[0].Blob())
	require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
	if f.Root.IsIndex() { // it waits before it tries again: once is enough
		_, err = loud.Sink(r).PutBlob(t.Context(), ranged{f.Tampered[0].Blob(), f.Tampered[0].Bytes})
		require.Equal(t, errs.Verification, errs.Of(err), "found by the registry: %v", err)
		require.Contains(t, err.Error(), "content has the digest", "and by us")
	}
	for _, doc := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", doc))
	}
	require.NoError(t, s.PutManifest(t.Context(), "v1", f.Root))
	src := c.Repository(r)
	_, err = src.Manifest(t.Context(), "v1")
	require.Equal(t, errs.NotFound, errs.Of(err), "nothing is visible before Commit: %v", err)
	require.NoError(t, s.Commit(t.Context()))
	require.NoError(t, s.Close())
	doc, err := src.Manifest(t.Context(), "v1")
	require.NoError(t, err)
	require.Equal(t, f.Root, doc)
	img := image{root: doc.Digest()}
	img.add(t, src, doc)
	require.Equal(t, len(f.Blobs), len(img.configs)+len(img.layers))
}

// mounts copies from one repository of a registry to another one.
func mounts(t *testing.T, host string) {
	f := contenttest.NewImage()
	c := pushClients(t, false)["whole"]
	from := parse(t, host+"/mount/from:v1")
	s := c.Sink(from)
	for _, b := range f.Blobs {
		_, err := s.PutBlob(t.Context(), b.Blob())
		require.NoError(t, err)
	}
	to := pushClients(t, false)["whole"].Sink(parse(t, host+"/mount/to:v1"))
	for _, b := range f.Blobs {
		how, err := to.PutBlob(t.Context(), c.Repository(from).Blob(b.Descriptor))
		require.NoError(t, err)
		require.Contains(t, []content.How{content.Mounted, content.Existed}, how, "the blob says where it comes from")
	}
	known := c.Sink(parse(t, host+"/mount/known:v1"))
	how, err := known.PutBlob(t.Context(), f.Blobs[0].Blob())
	require.NoError(t, err)
	require.Contains(t, []content.How{content.Mounted, content.Existed}, how, "the client has seen it")
}

// manages lists and deletes.
func manages(t *testing.T, host string) {
	f := contenttest.NewImage()
	c := pushClients(t, false)["whole"]
	r := parse(t, host+"/manage/d:v1")
	s := c.Sink(r)
	for _, b := range f.Blobs {
		_, err := s.PutBlob(t.Context(), b.Blob())
		require.NoError(t, err)
	}
	for _, tag := range []string{"one", "two", "three"} {
		require.NoError(t, s.PutManifest(t.Context(), tag, f.Root))
	}
	require.NoError(t, s.Commit(t.Context()))
	src := c.Repository(r)
	tags := func() []string {
		lister, ok := content.As[content.TagLister](src)
		require.True(t, ok)
		var out []string
		for tag, err := range lister.Tags(t.Context(), "") {
			if errs.Of(err) == errs.NotFound { // docker-registry knows no repository without a tag
				break
			}
			require.NoError(t, err)
			out = append(out, tag)
		}
		slices.Sort(out)
		return out
	}
	require.Equal(t, []string{"one", "three", "two"}, tags())
	var names []string
	for name, err := range c.Registry(host).Repositories(t.Context(), "") {
		if errs.Of(err) == errs.NotFound { // olareg has no catalog
			names = append(names, r.Repository)
			break
		}
		require.NoError(t, err)
		names = append(names, name)
	}
	require.Contains(t, names, r.Repository)

	prober, ok := content.As[content.Prober](c.Repository(parse(t, host+"/manage/d:one")))
	require.True(t, ok)
	can, err := prober.Probe(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, []content.Ability{content.Yes, content.Yes, content.Yes, content.Yes, content.Yes},
		[]content.Ability{can.Tags, can.Ranges, can.Digest, can.Push, can.DeleteManifest})
	t.Logf("%+v", can)

	deleter, ok := content.As[content.Deleter](src)
	require.True(t, ok)
	err = deleter.DeleteTag(t.Context(), "two")
	require.NoError(t, err)
	require.Equal(t, []string{"one", "three"}, tags(), "the other tags stay")
	doc, err := src.Manifest(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, f.Root.Digest(), doc.Digest())
	require.Equal(t, errs.NotFound, errs.Of(deleter.DeleteTag(t.Context(), "two")), "a second time")
	require.NoError(t, deleter.DeleteManifest(t.Context(), f.Root.Digest()))
	_, err = src.Manifest(t.Context(), f.Root.Digest().String())
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	require.Equal(t, errs.NotFound, errs.Of(deleter.DeleteManifest(t.Context(), f.Root.Digest())), "a second time")

	n := 0
	for d, err := range content.Referrers(t.Context(), src, f.Root.Digest()) {
		require.NoError(t, err, "none is no error")
		n++
		t.Log(d)
	}
	require.Zero(t, n)
}

// readBack pushes the bundled image and has it read by the tools of other projects.
func readBack(t *testing.T, host string) {
	m := muxOf(t)
	want := walk(t, m, "oci:"+harbor(t)+":latest")
	c := pushClients(t, false)["whole"]
	src, err := m.Open(t.Context(), parse(t, "oci:"+harbor(t)+":latest"))
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	r := parse(t, host+"/harbor:latest")
	sink := c.Sink(r)
	require.NoError(t, push(t.Context(), src, sink, "latest"))
	dir := t.TempDir()
	require.Equal(t, want.root.String()+"\n", run(t, dir, "crane", "digest", r.Typed))
	run(t, dir, "crane", "validate", "--fast", "--remote", r.Typed)
	run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", "docker://"+r.Typed, "oci:skopeo:latest")
	run(t, dir, "regctl", "--host", "reg="+host+",tls=disabled", "image", "copy", r.Typed, "ocidir://regctl:latest")
	run(t, dir, "oras", "cp", "--no-tty", "--from-plain-http", r.Typed, "--to-oci-layout", "oras:latest")
	for _, l := range []string{"skopeo", "regctl", "oras"} {
		require.Equal(t, want, walk(t, m, "oci:"+dir+"/"+l+":latest"), l)
	}
}

// readTheirs reads what the tools of other projects push.
func readTheirs(t *testing.T, host string) {
	f := nethttp.New(nethttp.Options{})
	t.Cleanup(f.CloseIdle)
	m := transport.New(transport.Options{Files: osfs.Host{}, Fetcher: f})
	from := harbor(t)
	want := walk(t, m, "oci:"+from+":latest")
	for name, write := range writers(t, host, from) {
		to := host + "/" + name + "/harbor:v1"
		write(to)
		require.Equal(t, want, walk(t, m, "docker://"+to), name)
	}
}

// writers are the tools of other projects that push the layout from to a registry; crane, which pushes no index of an image
// layout with tags, copies what skopeo pushed.
func writers(t *testing.T, host, from string) iter.Seq2[string, func(to string)] {
	dir := t.TempDir()
	return func(yield func(string, func(string)) bool) {
		_ = yield("skopeo", func(to string) {
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", "oci:"+from+":latest", "docker://"+to)
		}) && yield("crane", func(to string) { run(t, dir, "crane", "copy", host+"/skopeo/harbor:v1", to) }) &&
			yield("oras", func(to string) {
				run(t, dir, "oras", "cp", "--no-tty", "--from-oci-layout", from+":latest", "--to-plain-http", to)
			}) &&
			yield("regctl", func(to string) {
				run(t, dir, "regctl", "--host", "reg="+host+",tls=disabled", "image", "copy", "ocidir://"+from+":latest", to)
			}) &&
			yield("regctl-chunks", func(to string) {
				run(t, dir, "regctl", "--host", "reg="+host+",tls=disabled,blobmax=1000,blobchunk=500000", "image", "copy", "ocidir://"+from+":latest", to)
			})
	}
}

// push copies an image without the engine.
func push(ctx context.Context, from content.Source, to content.Sink, name string) error {
	root, err := from.Manifest(ctx, name)
	if err != nil {
		return err
	}
	docs := []oci.Document{root}
	if root.IsIndex() {
		x, err := root.Index()
		if err != nil {
			return err
		}
		docs = docs[:0]
		for _, d := range x.Manifests {
			child, err := from.Manifest(ctx, d.Digest.String())
			if err != nil {
				return err
			}
			docs = append(docs, child)
		}
	}
	for _, doc := range docs {
		m, err := doc.Manifest()
		if err != nil {
			return err
		}
		for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
			if _, err := to.PutBlob(ctx, from.Blob(d)); err != nil {
				return err
			}
		}
		if root.IsIndex() {
			err = to.PutManifest(ctx, "", doc)
		}
		if err != nil {
			return err
		}
	}
	if err := to.PutManifest(ctx, name, root); err != nil {
		return err
	}
	return to.Commit(ctx)
}

// TestPushRefused looks at what a registry that takes no pushes leads to.
func TestPushRefused(t *testing.T) {
	f := nethttp.New(nethttp.Options{})
	t.Cleanup(f.CloseIdle)
	c := registry.New(registry.Options{Fetcher: f})
	s := c.Sink(parse(t, startOlareg(t)+"/a/b:v1"))
	doc := contenttest.NewIndex().Root
	err := s.PutManifest(t.Context(), "", doc)
	require.Error(t, err, "an index without its children")
	require.Contains(t, err.Error(), "BLOB_UNKNOWN")
}
