package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

const host = "http://r.example"

// said is a response, read.
type said struct {
	status int
	header fetchshim.Header
	body   string
}

// ask sends a request; header is names and values in turn.
func ask(t *testing.T, f fetchshim.Fetcher, method, path string, body []byte, header ...string) said {
	t.Helper()
	req := &fetchshim.Request{Method: method, URL: host + path}
	if body != nil {
		req.Body = fetchshim.Bytes(body)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := f.Fetch(t.Context(), req)
	require.NoError(t, err, "%s %s", method, path)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return said{resp.Status, resp.Header, string(raw)}
}

func sum(s string) string { return digest.FromString(s).String() }

// begin begins an upload and returns where it goes on.
func begin(t *testing.T, f fetchshim.Fetcher) string {
	t.Helper()
	got := ask(t, f, "POST", "/v2/a/b/blobs/uploads/", nil)
	require.Equal(t, 202, got.status, got.body)
	require.Equal(t, "0-0", got.header.Get("Range"))
	require.NotEmpty(t, got.header.Get("Docker-Upload-UUID"))
	return got.header.Get("Location")
}

func TestUploads(t *testing.T) {
	o := depot.Memory().Serve()
	o.MinChunk = 7
	f := serve.New(o)
	require.Equal(t, "7", ask(t, f, "POST", "/v2/a/b/blobs/uploads/", nil).header.Get("OCI-Chunk-Min-Length"))

	at := begin(t, f)
	got := ask(t, f, "PATCH", at, []byte("abc"))
	require.Equal(t, 202, got.status)
	require.Equal(t, "0-2", got.header.Get("Range"))
	for _, r := range []string{"0-2", "4-6", "3-9", "x", "5-3"} {
		got = ask(t, f, "PATCH", at, []byte("def"), "Content-Range", r)
		require.Equal(t, 416, got.status, r)
		require.Equal(t, "0-2", got.header.Get("Range"), "it says how far it has come")
		require.Equal(t, at, got.header.Get("Location"))
	}
	require.Equal(t, 202, ask(t, f, "PATCH", at, []byte("def"), "Content-Range", "3-5").status)
	got = ask(t, f, "GET", at, nil)
	require.Equal(t, 204, got.status)
	require.Equal(t, "0-5", got.header.Get("Range"))
	require.Equal(t, 400, ask(t, f, "PUT", at+"?digest=sha256:x", nil).status)
	got = ask(t, f, "PUT", at+"?digest="+sum("abcdefghi"), []byte("ghi"))
	require.Equal(t, 201, got.status, got.body)
	require.Equal(t, sum("abcdefghi"), got.header.Get("Docker-Content-Digest"))
	require.Equal(t, "abcdefghi", ask(t, f, "GET", got.header.Get("Location"), nil).body)
	require.Equal(t, 404, ask(t, f, "PATCH", at, []byte("x")).status, "it has ended")

	at = begin(t, f)
	got = ask(t, f, "PUT", at+"?digest="+sum("other"), []byte("x"))
	require.Equal(t, 400, got.status)
	require.Contains(t, got.body, "DIGEST_INVALID")
	require.Contains(t, ask(t, f, "GET", at, nil).body, "BLOB_UPLOAD_UNKNOWN")
	at = begin(t, f)
	require.Equal(t, 204, ask(t, f, "DELETE", at, nil).status)
	require.Equal(t, 404, ask(t, f, "DELETE", at, nil).status)

	require.Equal(t, 201, ask(t, f, "POST", "/v2/a/b/blobs/uploads/?digest="+sum("whole"), []byte("whole")).status)
	got = ask(t, f, "POST", "/v2/c/blobs/uploads/?from=a/b&mount="+sum("whole"), nil)
	require.Equal(t, 201, got.status)
	require.Equal(t, "/v2/c/blobs/"+sum("whole"), got.header.Get("Location"))
	for path, status := range map[string]int{
		"/v2/d/blobs/uploads/?mount=" + sum("whole"):              201, // from anywhere
		"/v2/d/blobs/uploads/?from=x&mount=" + sum("whole"):       202,
		"/v2/d/blobs/uploads/?mount=" + sum("nothing"):            202,
		"/v2/d/blobs/uploads/?mount=x":                            400,
		"/v2/d/blobs/uploads/?from=..%2F..&mount=" + sum("whole"): 400,
		"/v2/D/blobs/uploads/":                                    400,
		"/v2/d/blobs/uploads/?digest=md5:x":                       400,
	} {
		require.Equal(t, status, ask(t, f, "POST", path, nil).status, path)
	}
}

func TestManifestPuts(t *testing.T) {
	img := contenttest.NewImage()
	f := serve.New(depot.Memory().Serve())
	path := func(ident string) string { return "/v2/a/b/manifests/" + ident }
	mt := []string{"Content-Type", img.Root.MediaType}
	got := ask(t, f, "PUT", path("v1"), img.Root.Raw, mt...)
	require.Equal(t, 404, got.status)
	require.Contains(t, got.body, "MANIFEST_BLOB_UNKNOWN")
	for _, b := range img.Blobs {
		require.Equal(t, 201, ask(t, f, "POST", "/v2/a/b/blobs/uploads/?digest="+b.Descriptor.Digest.String(), b.Bytes).status)
	}
	got = ask(t, f, "PUT", path("v1"), img.Root.Raw, mt...)
	require.Equal(t, 201, got.status, got.body)
	require.Equal(t, path(img.Root.Digest().String()), got.header.Get("Location"))
	require.Equal(t, img.Root.Digest().String(), got.header.Get("Docker-Content-Digest"))
	wide := digest.SHA512.FromBytes(img.Root.Raw).String()
	require.Equal(t, 201, ask(t, f, "PUT", path(wide), img.Root.Raw, mt...).status)
	require.Equal(t, string(img.Root.Raw), ask(t, f, "GET", path(wide), nil).body)

	for name, c := range map[string]struct {
		ident  string
		body   []byte
		header []string
		status int
		code   string
	}{
		"another digest":   {sum("x"), img.Root.Raw, mt, 400, "DIGEST_INVALID"},
		"no digest":        {"sha256:x", img.Root.Raw, mt, 400, "DIGEST_INVALID"},
		"no tag":           {"-v1", img.Root.Raw, mt, 400, "MANIFEST_INVALID"},
		"nothing":          {"v2", nil, mt, 400, "MANIFEST_INVALID"},
		"no JSON":          {"v2", []byte("x"), mt, 400, "MANIFEST_INVALID"},
		"another type":     {"v2", img.Root.Raw, []string{"Content-Type", "application/vnd.oci.image.index.v1+json"}, 400, "MANIFEST_INVALID"},
		"too large":        {"v2", append(bytes.Repeat([]byte(" "), oci.MaxManifest), img.Root.Raw...), mt, 413, "SIZE_INVALID"},
		"a bad descriptor": {"v2", []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"digest":"../x","size":1}}`), nil, 400, "MANIFEST_INVALID"},
	} {
		got := ask(t, f, "PUT", path(c.ident), c.body, c.header...)
		require.Equal(t, c.status, got.status, name)
		require.Contains(t, got.body, c.code, name)
	}
	require.Contains(t, ask(t, f, "GET", "/v2/a/b/tags/list", nil).body, `"tags":["v1"]`)

	got = ask(t, f, "PUT", path(wide)+"?tag=v3&tag=v4", img.Root.Raw, mt...)
	require.Equal(t, 201, got.status)
	require.Equal(t, []string{"v3", "v4"}, got.header.Values("OCI-Tag"))
	require.Equal(t, wide, ask(t, f, "HEAD", path("v4"), nil).header.Get("Docker-Content-Digest"))
	require.Equal(t, 400, ask(t, f, "PUT", path(wide)+"?tag=v5&tag=-", img.Root.Raw, mt...).status)
	require.Contains(t, ask(t, f, "GET", "/v2/a/b/tags/list", nil).body, `"tags":["v1","v3","v4"]`)
}

func TestReferrersAndDeletes(t *testing.T) {
	img := contenttest.NewImage()
	f := serve.New(depot.Memory().Serve())
	for _, b := range img.Blobs {
		ask(t, f, "POST", "/v2/a/b/blobs/uploads/?digest="+b.Descriptor.Digest.String(), b.Bytes)
	}
	ask(t, f, "POST", "/v2/a/b/blobs/uploads/?digest="+sum("{}"), []byte("{}"))
	subject := img.Root.Digest().String()
	require.Contains(t, ask(t, f, "GET", "/v2/nobody/referrers/"+subject, nil).body, `"manifests":[]`)
	raw := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/x","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` +
		sum("{}") + `","size":2},"layers":[],"subject":{"mediaType":"` + img.Root.MediaType + `","digest":"` + subject + `","size":1},"annotations":{"a":"b"}}`)
	d := digest.FromBytes(raw).String()
	got := ask(t, f, "PUT", "/v2/a/b/manifests/"+d, raw)
	require.Equal(t, 201, got.status, got.body)
	require.Equal(t, subject, got.header.Get("OCI-Subject"), "the subject may come later")

	list := ask(t, f, "GET", "/v2/a/b/referrers/"+subject, nil)
	require.Equal(t, "application/vnd.oci.image.index.v1+json", list.header.Get("Content-Type"))
	for _, part := range []string{`"artifactType":"text/x"`, `"annotations":{"a":"b"}`, d} {
		require.Contains(t, list.body, part)
	}
	list = ask(t, f, "GET", "/v2/a/b/referrers/"+subject+"?artifactType=text/y", nil)
	require.Contains(t, list.body, `"manifests":[]`)
	require.Equal(t, "artifactType", list.header.Get("OCI-Filters-Applied"))
	require.Equal(t, 400, ask(t, f, "GET", "/v2/a/b/referrers/sha256:x", nil).status)

	for path, statuses := range map[string][2]int{
		"manifests/" + d: {202, 404}, "blobs/" + sum("{}"): {202, 404}, "manifests/v9": {404, 404}, "manifests/-": {404, 404},
		"manifests/sha256:x": {400, 400}, "blobs/sha256:x": {400, 400}, "blobs/" + sum("no"): {404, 404},
	} {
		for _, status := range statuses {
			require.Equal(t, status, ask(t, f, "DELETE", "/v2/a/b/"+path, nil).status, path)
		}
	}
	require.Contains(t, ask(t, f, "GET", "/v2/a/b/referrers/"+subject, nil).body, `"manifests":[]`)
	require.Contains(t, ask(t, f, "GET", "/v2/_catalog", nil).body, `{"repositories":["a/b"]}`)
	require.Equal(t, 405, ask(t, f, "DELETE", "/v2/a/b/tags/list", nil).status)
	require.Equal(t, 405, ask(t, f, "PUT", "/v2/a/b/blobs/"+sum("{}"), nil).status)
}

// TestReadOnly: without Writable nothing is written, and nothing says it could be.
func TestReadOnly(t *testing.T) {
	d := depot.Memory()
	f := serve.New(serve.Options{Repositories: d.Open})
	for method, path := range map[string]string{"POST": "/v2/a/blobs/uploads/", "PUT": "/v2/a/manifests/v1", "PATCH": "/v2/a/blobs/uploads/1", "DELETE": "/v2/a/manifests/v1"} {
		got := ask(t, f, method, path, nil)
		require.Equal(t, 405, got.status)
		require.Equal(t, "GET, HEAD, OPTIONS", got.header.Get("Allow"))
	}
	require.Equal(t, 404, ask(t, f, "GET", "/v2/_catalog", nil).status)
}

// TestPages: a page may write where its origin is named, and not where pages in general may read.
func TestPages(t *testing.T) {
	page := []string{"Origin", "https://page.example"}
	for allowed, status := range map[string]int{"": 403, "https://other.example": 403, "https://page.example": 202} {
		o := depot.Memory().Serve()
		o.AllowOrigin = allowed
		f := serve.New(o)
		require.Equal(t, status, ask(t, f, "POST", "/v2/a/blobs/uploads/", nil, page...).status, allowed)
		require.Equal(t, 202, ask(t, f, "POST", "/v2/a/blobs/uploads/", nil).status, "who is no page may")
		require.Equal(t, 200, ask(t, f, "GET", "/v2/", nil, page...).status)
		methods := ask(t, f, "OPTIONS", "/v2/a/blobs/uploads/", nil, page...).header.Get("Access-Control-Allow-Methods")
		require.Equal(t, allowed != "", strings.Contains(methods, "PATCH"), methods)
	}
}

// TestBrokenBodies: what came stays, and the error is the body's.
func TestBrokenBodies(t *testing.T) {
	f := serve.New(depot.Memory().Serve())
	at := begin(t, f)
	cause := errors.New("the source broke")
	for method, path := range map[string]string{"PATCH": at, "PUT": "/v2/a/b/manifests/v1"} {
		body := fetchshim.BodyFunc{Size: 100, From: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("abc"), failing{cause})), nil
		}}
		_, err := f.Fetch(t.Context(), &fetchshim.Request{Method: method, URL: host + path, Body: body})
		require.ErrorIs(t, err, cause)
		body.From = func(context.Context) (io.ReadCloser, error) { return nil, cause }
		_, err = f.Fetch(t.Context(), &fetchshim.Request{Method: method, URL: host + path, Body: body})
		require.ErrorIs(t, err, cause)
	}
	require.Equal(t, "0-2", ask(t, f, "GET", at, nil).header.Get("Range"))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

var _ content.Cataloger = (*depot.Depot)(nil)
