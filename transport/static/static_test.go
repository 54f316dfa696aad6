package static_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/static"
)

func TestSuite(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		for asked, named := range map[string]string{"named": "team/app", "the only one": ""} {
			t.Run(name+"/"+asked, func(t *testing.T) {
				contenttest.Sink(t, func(t *testing.T) contenttest.SinkUnderTest {
					m := memfs.New()
					s, err := static.Create(m, "team/app", "static:x", clock.System{})
					require.NoError(t, err)
					return contenttest.SinkUnderTest{Sink: s, Source: func() (content.Source, error) {
						return static.Open(t.Context(), m, named, "static:x")
					}}
				}, f)
			})
		}
	}
}

func put(t *testing.T, d fsys.WritableDir, name, tag string, f contenttest.Fixture, more ...oci.Document) error {
	t.Helper()
	s, err := static.Create(d, name, "static:x", clock.System{})
	if err != nil {
		return err
	}
	err = func() error {
		for _, c := range f.Blobs {
			if _, err := s.PutBlob(t.Context(), c.Blob()); err != nil {
				return err
			}
		}
		for _, doc := range append(f.Children, more...) {
			if err := s.PutManifest(t.Context(), "", doc); err != nil {
				return err
			}
		}
		if err := s.PutManifest(t.Context(), tag, f.Root); err != nil {
			return err
		}
		return s.Commit(t.Context())
	}()
	return errors.Join(err, s.Close())
}

// TestAnyWebServer shows a folder with the file server of the standard library and reads it with the registry client.
func TestAnyWebServer(t *testing.T) {
	dir := t.TempDir()
	open := func() *osfs.Dir {
		d, err := osfs.OpenRoot(dir)
		require.NoError(t, err)
		return d
	}
	f, other := contenttest.NewIndex(), contenttest.NewImage()
	subject := f.Root.Descriptor()
	raw, err := json.Marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, ArtifactType: "application/vnd.example",
		Config: v1.DescriptorEmptyJSON, Layers: []v1.Descriptor{v1.DescriptorEmptyJSON}, Subject: &subject,
	})
	require.NoError(t, err)
	signature := oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: raw}
	for range 2 {
		require.NoError(t, put(t, open(), "team/app", "v1", f, signature))
	}
	require.NoError(t, put(t, open(), "team/app", "v2", other))
	require.NoError(t, put(t, open(), "team", "latest", other))

	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	host := server.Listener.Addr().String()
	client := registry.New(registry.Options{Fetcher: nethttp.New(nethttp.Options{}), PlainHTTP: func(string) bool { return true }})
	repository := func(name string) content.Source {
		r, err := ref.Parse(host + "/" + name)
		require.NoError(t, err)
		return client.Repository(r)
	}
	s := repository("team/app")
	for name, want := range map[string]oci.Document{"v1": f.Root, "v2": other.Root, f.Children[0].Digest().String(): f.Children[0]} {
		got, err := s.Manifest(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, c := range append(f.Blobs, other.Blobs...) {
		r, err := s.Blob(c.Descriptor).Open(t.Context())
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	tags, _ := content.As[content.TagLister](s)
	var got []string
	for tag, err := range tags.Tags(t.Context(), "") {
		require.NoError(t, err)
		got = append(got, tag)
	}
	require.Equal(t, []string{"v1", "v2"}, got)
	lister, _ := content.As[content.ReferrerLister](s)
	var referrers []digest.Digest
	for d, err := range lister.Referrers(t.Context(), f.Root.Digest()) {
		require.NoError(t, err)
		require.Equal(t, "application/vnd.example", d.ArtifactType)
		referrers = append(referrers, d.Digest)
	}
	require.Equal(t, []digest.Digest{signature.Digest()}, referrers)
	for path, want := range map[string]string{"/v2/": "{}", "/v2/_catalog": `{"repositories":["team","team/app"]}`, "/v2/team/tags/list": `{"name":"team","tags":["latest"]}`} {
		r, err := http.Get(server.URL + path)
		require.NoError(t, err)
		require.Equal(t, 200, r.StatusCode, path)
		b, err := oci.ReadLimited(r.Body, 1000, path)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, want, string(b))
	}
	left, err := open().List(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, []fsys.Entry{{Name: "v2", Dir: true}}, left)
}

// TestBlobsAreShared between the repositories of a folder.
func TestBlobsAreShared(t *testing.T) {
	dir, f := filepath.Join(t.TempDir(), "s"), contenttest.NewImage()
	open := func() *osfs.Dir {
		d, err := osfs.Create(dir)
		require.NoError(t, err)
		return d
	}
	require.NoError(t, put(t, open(), "a", "v1", f))
	s, err := static.Create(open(), "b", "static:x", clock.System{})
	require.NoError(t, err)
	for _, want := range []content.How{content.Mounted, content.Existed} {
		how, err := s.PutBlob(t.Context(), unread{f.Blobs[0].Blob()})
		require.NoError(t, err)
		require.Equal(t, want, how)
	}
	require.NoError(t, s.Close())
}

// unread is a blob that must not be opened.
type unread struct{ content.Blob }

func (unread) Open(context.Context) (io.ReadCloser, error) { return nil, errors.New("it was opened") }

func TestErrors(t *testing.T) {
	f, m := contenttest.NewImage(), memfs.New()
	_, err := static.Open(t.Context(), memfs.From(map[string][]byte{"x": nil}), "", "static:x")
	require.EqualError(t, err, "static:x: is not a static registry: has no folder v2")
	for _, name := range []string{"a", "a/b", "c"} {
		require.NoError(t, put(t, m, name, "1", f))
	}
	_, err = static.Open(t.Context(), m, "", "static:x")
	require.Equal(t, errs.Input, errs.Of(err))
	require.Equal(t, "it has a, a/b, c", errs.HintOf(err))
	_, err = static.Open(t.Context(), m, "d", "static:x")
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.Equal(t, "it has a, a/b, c", errs.HintOf(err))
	for _, name := range []string{"", "../a", "A", "a/blobs", "manifests", "a/tags/b", "index.html"} {
		_, err = static.Create(m, name, "static:x", clock.System{})
		require.Equal(t, errs.Input, errs.Of(err), "%q: %v", name, err)
	}
	s, err := static.Create(m, "a", "static:x", clock.System{})
	require.NoError(t, err)
	for _, tag := range []string{"../x", "a/b", ".x", "sha256:abc"} {
		require.Equal(t, errs.Input, errs.Of(s.PutManifest(t.Context(), tag, f.Root)), tag)
	}
	require.NoError(t, put(t, m, "a", "2", f))
	src, err := static.Open(t.Context(), m, "a", "static:x")
	require.NoError(t, err)
	_, err = src.Manifest(t.Context(), "")
	require.Equal(t, errs.Input, errs.Of(err))
	_, err = src.Manifest(t.Context(), "3")
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.Equal(t, "it has 1, 2", errs.HintOf(err))
	require.NoError(t, put(t, m, "a", "latest", contenttest.NewIndex()))
	got, err := src.Manifest(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, contenttest.NewIndex().Root, got)
}

// TestCrashPoints moves a tag.
func TestCrashPoints(t *testing.T) {
	old, f := contenttest.NewImage(), contenttest.NewIndex()
	for _, stop := range []bool{false, true} {
		for n := int64(1); ; n++ {
			m := memfs.New()
			require.NoError(t, put(t, m, "a", "v1", old))
			faults := &fsystest.Faults{At: n, Err: errors.New("the power failed"), Stop: stop}
			err := put(t, faults.Dir(m), "a", "v1", f)
			if !faults.Happened() {
				require.NoError(t, err)
				break
			}
			s, err := static.Open(t.Context(), m, "a", "static:x")
			require.NoError(t, err)
			root, err := s.Manifest(t.Context(), "v1")
			require.NoError(t, err)
			holds := old
			if root.Digest() == f.Root.Digest() {
				holds = f
			}
			for _, c := range holds.Children {
				_, err := s.Manifest(t.Context(), c.Digest().String())
				require.NoError(t, err)
			}
			for _, c := range holds.Blobs {
				r, err := s.Blob(c.Descriptor).Open(t.Context())
				require.NoError(t, err, "operation %d: a blob is missing", n)
				require.NoError(t, r.Close())
			}
			require.NoError(t, put(t, m, "a", "v1", f), "operation %d", n)
		}
	}
}
