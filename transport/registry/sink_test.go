package registry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// aliased is a repository in which the tag latest is v1, as the suite of Sources wants something there when nothing is asked
// for.
type aliased struct{ content.Source }

func (a aliased) Unwrap() any { return a.Source }

func (a aliased) Manifest(ctx context.Context, name string) (oci.Document, error) {
	if name == ref.DefaultTag {
		name = "v1"
	}
	return a.Source.Manifest(ctx, name)
}

// held is a Fetcher that holds a body before it sends it.
type held struct{ fetchshim.Fetcher }

func (held) Upload() fetchshim.Upload { return fetchshim.UploadBlob }

// TestSink runs the shared suite over client and writable server, for each way in which a blob is sent.
func TestSink(t *testing.T) {
	ways := map[string]func(*registry.Options){
		"whole":    func(*registry.Options) {},
		"streamed": func(o *registry.Options) { o.Chunk = 1 },
		"chunks":   func(o *registry.Options) { o.Chunk = 10_000; o.Fetcher = held{o.Fetcher} },
		"watched":  func(o *registry.Options) { o.Inactivity = time.Minute },
	}
	depots := map[string]func(t *testing.T) *depot.Depot{
		"memory": func(*testing.T) *depot.Depot { return depot.Memory() },
		"files": func(t *testing.T) *depot.Depot {
			dir, err := osfs.Create(t.TempDir())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, dir.Close()) })
			return depot.New(dir, nil)
		},
	}
	for kind, fresh := range depots {
		for way, change := range ways {
			for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
				t.Run(fmt.Sprintf("%s/%s/%s", kind, way, name), func(t *testing.T) {
					contenttest.Sink(t, func(t *testing.T) contenttest.SinkUnderTest {
						d := fresh(t)
						o := d.Serve()
						o.Repositories = func(ctx context.Context, name string) (content.Source, error) {
							s, err := d.Open(ctx, name)
							if err != nil {
								return nil, err
							}
							return aliased{s}, nil
						}
						w := registry.Options{Fetcher: serve.New(o)}
						change(&w)
						c, r := registry.New(w), parse(t, "registry.example/a/b:v1")
						return contenttest.SinkUnderTest{Sink: c.Sink(r), Source: func() (content.Source, error) { return c.Repository(r), nil }}
					}, f)
				})
			}
		}
	}
}

// TestRepair replaces a blob that is corrupted in the registry's storage.
func TestRepair(t *testing.T) {
	files := memfs.New()
	d := depot.New(files, nil)
	f := contenttest.NewImage()
	fill(t, d, f)
	b := f.Blobs[2]
	path := layout.BlobPath(b.Descriptor.Digest)
	require.NoError(t, files.Remove(t.Context(), path))
	w, err := files.Append(t.Context(), path)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, len(b.Bytes)))
	require.NoError(t, err)

	c := registry.New(registry.Options{Fetcher: serve.New(d.Serve())})
	s := c.Sink(parse(t, sourceName))
	how, err := s.PutBlob(t.Context(), b.Blob())
	require.NoError(t, err)
	require.Equal(t, content.Existed, how, "by its size it is right")
	checker, ok := content.As[content.Checker](s)
	require.True(t, ok)
	require.NoError(t, checker.CheckBlob(t.Context(), f.Blobs[0].Descriptor))
	require.Equal(t, errs.Verification, errs.Of(checker.CheckBlob(t.Context(), b.Descriptor)))
	how, err = s.PutBlob(t.Context(), b.Blob())
	require.NoError(t, err)
	require.Equal(t, content.Stored, how)
	require.NoError(t, whole(t.Context(), c.Repository(parse(t, sourceName))))
	require.Equal(t, errs.NotFound, errs.Of(checker.CheckBlob(t.Context(), contenttest.NewContent("", []byte("x")).Descriptor)))
}

// TestMountFirst: where no name was found so far, a mount asks and answers in one request. One that does not come about is followed
// by a look, whose outcome the session goes by; the next blobs are looked for first.
func TestMountFirst(t *testing.T) {
	from := "POST " + base + "uploads/?from=x%2Fy&MOUNT"
	tag := turn{"HEAD https://r.example/v2/a/b/manifests/v1", says(404, "")}
	begun := turn{from, says(202, "", "Location: "+session)}
	sent := []turn{{"GET https://r.example/v2/x/y/blobs/DIGEST", says(200, letters)}, {closes + "|" + letters, says(201, "")}}
	size := fmt.Sprintf("Content-Length: %d", len(letters))
	for name, c := range map[string]struct {
		turns []turn
		want  []content.How
	}{
		"mounted":          {[]turn{tag, {from, says(201, "")}, {from, says(201, "")}}, []content.How{content.Mounted, content.Mounted}},
		"not mounted":      {slices.Concat([]turn{tag, begun, absent}, sent, []turn{{looks, says(200, "", size)}}), []content.How{content.Stored, content.Existed}},
		"was there":        {[]turn{tag, begun, {looks, says(200, "", size)}, {"DELETE " + session, says(204, "")}}, []content.How{content.Existed}},
		"something there":  {[]turn{{tag.want, manifested}, absent, {from, says(201, "")}}, []content.How{content.Mounted}},
		"one name of many": {[]turn{tag, {tag.want, manifested}, {looks, says(200, "", size)}}, []content.How{content.Existed}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a/b:v1", converse(t, c.turns...), nil)
			resolver, ok := content.As[content.Resolver](r.sink)
			require.True(t, ok)
			for _, turn := range c.turns {
				if turn.want == tag.want {
					_, _ = resolver.Resolve(t.Context(), "v1")
				}
			}
			for _, want := range c.want {
				how, err := r.sink.PutBlob(t.Context(), r.client.Repository(parse(t, "r.example/x/y")).Blob(letter.Descriptor))
				require.NoError(t, err)
				require.Equal(t, want, how)
			}
		})
	}

	r := newRig(t, "r.example/a/b:v1", converse(t, tag, begun, turn{looks, says(200, "", "Content-Length: 3")}, turn{"DELETE " + session, says(404, "")}), nil)
	resolver, _ := content.As[content.Resolver](r.sink)
	_, err := resolver.Resolve(t.Context(), "v1")
	require.Equal(t, errs.NotFound, errs.Of(err))
	_, err = r.sink.PutBlob(t.Context(), r.client.Repository(parse(t, "r.example/x/y")).Blob(letter.Descriptor))
	requireKind(t, errs.Verification, err, "the registry has 3 bytes")
}

// manifested answers the HEAD of a manifest.
var manifested = says(200, "", "Docker-Content-Digest: "+sum.String(), "Content-Type: "+v1.MediaTypeImageManifest, "Content-Length: 7")

// TestManifestsAtOnce: the images of an index are pushed at the same time, the index after all of them, and an error of one is
// that of the index.
func TestManifestsAtOnce(t *testing.T) {
	f := contenttest.NewIndex()
	require.Greater(t, len(f.Children), 1)
	met := make(chan struct{})
	var at, done atomic.Int32
	c := registry.New(registry.Options{Fetcher: fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if strings.HasSuffix(req.URL, f.Root.Digest().String()) {
			require.EqualValues(t, len(f.Children), done.Load())
			return answer(201, ""), nil
		}
		if at.Add(1) == 2 {
			close(met)
		}
		<-met // none is answered before the second has come
		done.Add(1)
		return answer(201, ""), nil
	})})
	s := c.Sink(parse(t, "r.example/a/b"))
	for _, doc := range append(slices.Clone(f.Children), f.Root) {
		require.NoError(t, s.PutManifest(t.Context(), "", doc))
	}
	require.NoError(t, s.Commit(t.Context()))
}

func mustParse(typed string) ref.Reference {
	r, err := ref.Parse(typed)
	if err != nil {
		panic(err)
	}
	return r
}

func parse(t testing.TB, typed string) ref.Reference {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	return r
}

// TestForeignLayersRefused: Docker's registry takes no URLs that nobody allowed, and does not say so.
func TestForeignLayersRefused(t *testing.T) {
	entry := func(mediaType string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":1}`, mediaType, sum)
	}
	foreign := fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s]}`, entry(v1.MediaTypeImageConfig), entry(oci.ForeignLayerGzip))
	for raw, hint := range map[string]string{foreign: "it has foreign layers, which the registry may have to be told to allow", manifest: ""} {
		r := newRig(t, "r.example/a:v1", always(400, ""), nil)
		require.NoError(t, r.sink.PutManifest(t.Context(), "v1", oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: []byte(raw)}))
		err := r.sink.Commit(t.Context())
		require.Equal(t, errs.Input, errs.Of(err))
		require.Equal(t, hint, errs.HintOf(err))
	}
}

// TestSettled: a manifest is sent again where the registry does not find what it took before, and not for ever.
func TestSettled(t *testing.T) {
	const unseen = `{"errors":[{"code":"DIGEST_INVALID"},{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}`
	doc := oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: []byte(manifest)}
	for misses, fails := range map[int]bool{0: false, 1: false, 3: false, 4: true} {
		sent := 0
		r := newRig(t, "r.example/a:v1", func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
			if sent++; sent > misses {
				return answer(201, ""), nil
			}
			return answer(400, unseen), nil
		}, nil)
		require.NoError(t, r.sink.PutManifest(t.Context(), "v1", doc))
		err := r.sink.Commit(t.Context())
		require.Equal(t, fails, err != nil, "%d misses: %v", misses, err)
		require.Equal(t, min(misses+1, 4), sent)
		require.Len(t, r.events, sent-1, "each is told")
		if fails {
			require.ErrorContains(t, err, "MANIFEST_BLOB_UNKNOWN: blob unknown to registry")
		}
	}
}
