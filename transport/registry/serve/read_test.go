package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// memory is a repository that holds f under tags.
func memory(t *testing.T, f contenttest.Fixture, tags ...string) *mem.Repository {
	t.Helper()
	r := mem.New()
	s := r.Sink()
	for _, b := range f.Blobs {
		_, err := s.PutBlob(t.Context(), b.Blob())
		require.NoError(t, err)
	}
	for _, c := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	for _, tag := range tags {
		require.NoError(t, s.PutManifest(t.Context(), tag, f.Root))
	}
	require.NoError(t, s.Commit(t.Context()))
	require.NoError(t, s.Close())
	return r
}

// code is the first error code of an error body (spec.md, "Error Codes").
func code(t *testing.T, s said) string {
	t.Helper()
	require.Equal(t, "application/json", s.header.Get("Content-Type"))
	var body struct {
		Errors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.body), &body), s.body)
	require.NotEmpty(t, body.Errors)
	require.NotEmpty(t, body.Errors[0].Message)
	return body.Errors[0].Code
}

func TestRead(t *testing.T) {
	x := contenttest.NewIndex()
	f := serve.New(serve.Options{Source: memory(t, x, "v1")})
	root, blob := x.Root, x.Blobs[0]
	d := blob.Descriptor.Digest.String()

	got := ask(t, f, "GET", "/v2/", nil)
	require.Equal(t, 200, got.status)
	require.Equal(t, "registry/2.0", got.header.Get("Docker-Distribution-Api-Version"))
	for _, ref := range []string{"v1", root.Digest().String()} {
		for _, method := range []string{"GET", "HEAD"} {
			got := ask(t, f, method, "/v2/a/b/manifests/"+ref, nil)
			require.Equal(t, 200, got.status)
			require.Equal(t, root.MediaType, got.header.Get("Content-Type"))
			require.Equal(t, root.Digest().String(), got.header.Get("Docker-Content-Digest"))
			require.Equal(t, fmt.Sprint(len(root.Raw)), got.header.Get("Content-Length"))
			require.Equal(t, map[string]string{"GET": string(root.Raw), "HEAD": ""}[method], got.body)
		}
	}
	for _, method := range []string{"GET", "HEAD"} {
		got := ask(t, f, method, "/v2/a/blobs/"+d, nil)
		require.Equal(t, 200, got.status)
		require.Equal(t, fmt.Sprint(len(blob.Bytes)), got.header.Get("Content-Length"))
		require.Equal(t, "bytes", got.header.Get("Accept-Ranges"))
		require.Equal(t, map[string]string{"GET": string(blob.Bytes), "HEAD": ""}[method], got.body)
	}
}

func TestRanges(t *testing.T) {
	x := contenttest.NewImage()
	f := serve.New(serve.Options{Source: memory(t, x, "v1")})
	b := x.Blobs[1]
	n, d := len(b.Bytes), b.Descriptor.Digest.String()
	for header, c := range map[string]struct {
		status    int
		from, end int
	}{
		"bytes=0-0":                         {206, 0, 1},
		"bytes=5-":                          {206, 5, n},
		"bytes=-3":                          {206, n - 3, n},
		fmt.Sprintf("bytes=2-%d", 10*n):     {206, 2, n},
		fmt.Sprintf("bytes=%d-", n):         {416, 0, 0},
		"bytes=-0":                          {416, 0, 0},
		"bytes=0-1,3-4":                     {200, 0, n},
		"bytes=9-2":                         {200, 0, n},
		"items=0-1":                         {200, 0, n},
		"bytes=99999999999999999999999999-": {200, 0, n},
	} {
		got := ask(t, f, "GET", "/v2/a/blobs/"+d, nil, "Range", header)
		require.Equal(t, c.status, got.status, header)
		switch c.status {
		case 206:
			require.Equal(t, fmt.Sprintf("bytes %d-%d/%d", c.from, c.end-1, n), got.header.Get("Content-Range"))
			require.Equal(t, fmt.Sprint(c.end-c.from), got.header.Get("Content-Length"))
		case 416:
			require.Equal(t, fmt.Sprintf("bytes */%d", n), got.header.Get("Content-Range"))
			require.Equal(t, "RANGE_INVALID", code(t, got))
			continue
		}
		require.True(t, got.body == string(b.Bytes[c.from:c.end]), header)
	}
	etag := ask(t, f, "HEAD", "/v2/a/blobs/"+d, nil).header.Get("ETag")
	require.Equal(t, 206, ask(t, f, "GET", "/v2/a/blobs/"+d, nil, "Range", "bytes=0-0", "If-Range", etag).status)
	require.Equal(t, 200, ask(t, f, "GET", "/v2/a/blobs/"+d, nil, "Range", "bytes=0-0", "If-Range", `"other"`).status)
	require.Equal(t, 200, ask(t, f, "HEAD", "/v2/a/blobs/"+d, nil, "Range", "bytes=0-0").status, "a range is for GET")
}

func TestWhatAClientHas(t *testing.T) {
	x := contenttest.NewImage()
	f := serve.New(serve.Options{Source: memory(t, x, "v1")})
	for _, path := range []string{"/v2/a/manifests/v1", "/v2/a/blobs/" + x.Blobs[0].Descriptor.Digest.String()} {
		etag := ask(t, f, "HEAD", path, nil).header.Get("ETag")
		require.NotEmpty(t, etag)
		for given, status := range map[string]int{etag: 304, `"x", W/` + etag: 304, "*": 304, `"x"`: 200} {
			got := ask(t, f, "GET", path, nil, "If-None-Match", given)
			require.Equal(t, status, got.status, given)
			require.Equal(t, status == 304, got.body == "", given)
		}
	}
}

func TestTagPages(t *testing.T) {
	f := serve.New(serve.Options{Source: memory(t, contenttest.NewImage(), "b", "d", "a", "c", "e")})
	var got []string
	pages := 0
	for next := "/v2/team/app/tags/list?n=2"; next != ""; pages++ {
		page := ask(t, f, "GET", next, nil)
		require.Equal(t, 200, page.status)
		var list struct {
			Name string
			Tags []string
		}
		require.NoError(t, json.Unmarshal([]byte(page.body), &list))
		require.Equal(t, "team/app", list.Name)
		got = append(got, list.Tags...)
		next = strings.TrimSuffix(strings.TrimPrefix(page.header.Get("Link"), "<"), `>; rel="next"`)
	}
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, got)
	require.Equal(t, 3, pages)
	require.JSONEq(t, `{"name":"x","tags":["d","e"]}`, ask(t, f, "GET", "/v2/x/tags/list?last=c", nil).body)
	require.JSONEq(t, `{"name":"x","tags":["d","e"]}`, ask(t, f, "GET", "/v2/x/tags/list?last=cc", nil).body, "a tag that is not there")
	require.JSONEq(t, `{"name":"x","tags":[]}`, ask(t, f, "GET", "/v2/x/tags/list?n=0", nil).body)
	for _, n := range []string{"-1", "x", "9999999999999999999999"} {
		bad := ask(t, f, "GET", "/v2/x/tags/list?n="+n, nil)
		require.Equal(t, 400, bad.status)
		require.Equal(t, "PAGINATION_NUMBER_INVALID", code(t, bad))
	}
}

func TestErrorBodies(t *testing.T) {
	f := serve.New(serve.Options{Source: memory(t, contenttest.NewImage(), "v1")})
	for path, c := range map[string]struct {
		status int
		code   string
	}{
		"/v2/a/manifests/none":             {404, "MANIFEST_UNKNOWN"},
		"/v2/a/manifests/" + sum("none"):   {404, "MANIFEST_UNKNOWN"},
		"/v2/a/manifests/sha256:..":        {400, "DIGEST_INVALID"},
		"/v2/a/manifests/-x":               {404, "MANIFEST_UNKNOWN"},
		"/v2/a/blobs/" + sum("none"):       {404, "BLOB_UNKNOWN"},
		"/v2/a/blobs/sha256:../../etc":     {404, "UNSUPPORTED"},
		"/v2/a/blobs/sha256:..%2f..%2fetc": {404, "UNSUPPORTED"},
		"/v2/a/blobs/x":                    {400, "DIGEST_INVALID"},
		"/v2/UPPER/manifests/v1":           {400, "NAME_INVALID"},
		"/v2/a/../b/manifests/v1":          {400, "NAME_INVALID"},
		"/v2/a//b/tags/list":               {400, "NAME_INVALID"},
		"/v2/a/nothing/v1":                 {404, "UNSUPPORTED"},
		"/v1/":                             {404, "UNSUPPORTED"},
		"/":                                {404, "UNSUPPORTED"},
	} {
		got := ask(t, f, "GET", path, nil)
		require.Equal(t, c.status, got.status, path)
		require.Equal(t, c.code, code(t, got), path)
	}
	named := serve.New(serve.Options{Repositories: func(_ context.Context, name string) (content.Source, error) {
		return nil, errs.New(errs.NotFound, "/secret/"+name, "no such repository")
	}})
	got := ask(t, named, "GET", "/v2/a/tags/list", nil)
	require.Equal(t, 404, got.status)
	require.Equal(t, "NAME_UNKNOWN", code(t, got))
	require.NotContains(t, got.body, "secret")
}

// failingSource fails with one error, which may name what clients must not learn.
type failingSource struct{ err error }

func (f failingSource) Manifest(context.Context, string) (oci.Document, error) {
	return oci.Document{}, f.err
}
func (failingSource) Blob(v1.Descriptor) content.Blob { return nil }
func (failingSource) Close() error                    { return nil }

func TestWhatGoesWrongInsideStaysInside(t *testing.T) {
	for kind, c := range map[errs.Kind]struct {
		status int
		warns  bool
	}{
		errs.NotFound: {404, false}, errs.Denied: {403, true}, errs.Unauthorized: {403, true}, errs.RateLimited: {429, true}, errs.Network: {502, true},
		errs.Internal: {500, true}, errs.Verification: {500, true}, errs.Input: {500, true},
	} {
		var warned []string
		f := serve.New(serve.Options{Source: failingSource{errs.New(kind, "/secret/path", "of host secret.example")}, Event: func(e event.Event) { warned = append(warned, e.Message) }})
		got := ask(t, f, "GET", "/v2/a/manifests/v1", nil)
		require.Equal(t, c.status, got.status, kind)
		require.NotContains(t, got.body, "secret")
		require.Equal(t, c.warns, len(warned) > 0, kind)
		for _, path := range []string{"/v2/a/tags/list", "/v2/a/blobs/" + sum("x")} {
			require.Equal(t, 405, ask(t, f, "GET", path, nil).status, "the source cannot")
		}
	}
}

// TestPagesMayRead has what a page of another origin needs: the headers it may send and see.
func TestPagesMayRead(t *testing.T) {
	for origin, vary := range map[string]string{"": "", "https://page.example": "Origin"} {
		f := serve.New(serve.Options{Source: memory(t, contenttest.NewImage(), "v1"), AllowOrigin: origin})
		want := origin
		if origin == "" {
			want = "*"
		}
		for path, status := range map[string]int{"/v2/": 200, "/v2/a/manifests/v1": 200, "/v2/a/manifests/none": 404, "/v2/a/tags/list": 200} {
			got := ask(t, f, "GET", path, nil, "Origin", "https://page.example")
			require.Equal(t, status, got.status)
			require.Equal(t, want, got.header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, vary, got.header.Get("Vary"))
			require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
			for _, name := range []string{"Docker-Content-Digest", "WWW-Authenticate", "Link", "Content-Length", "Content-Range", "ETag", "Retry-After"} {
				require.Contains(t, got.header.Get("Access-Control-Expose-Headers"), name)
			}
		}
		got := ask(t, f, "OPTIONS", "/v2/a/manifests/v1", nil, "Origin", "https://page.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,range")
		require.Equal(t, 204, got.status)
		require.Equal(t, want, got.header.Get("Access-Control-Allow-Origin"))
		for _, name := range []string{"Authorization", "Range", "Accept", "If-None-Match"} {
			require.Contains(t, got.header.Get("Access-Control-Allow-Headers"), name)
		}
		require.Contains(t, got.header.Get("Access-Control-Allow-Methods"), "GET, HEAD")
	}
}

// TestMediaTypesAreNoPages: what a manifest calls itself never makes it a document of this origin.
func TestMediaTypesAreNoPages(t *testing.T) {
	for _, mt := range []string{"text/html", "application/xhtml+xml", "image/svg+xml", "application/x\r\nEvil: y", "application/"} {
		r := mem.New()
		s := r.Sink()
		require.NoError(t, s.PutManifest(t.Context(), "v1", oci.Document{MediaType: mt, Raw: []byte("<script>")}))
		require.NoError(t, s.Commit(t.Context()))
		got := ask(t, serve.New(serve.Options{Source: r}), "GET", "/v2/a/manifests/v1", nil)
		require.Equal(t, "application/json", got.header.Get("Content-Type"), mt)
	}
}

func TestReadingEndsWithTheContext(t *testing.T) {
	x := contenttest.NewImage()
	f := serve.New(serve.Options{Source: memory(t, x, "v1")})
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := f.Fetch(ctx, &fetchshim.Request{URL: host + "/v2/a/blobs/" + x.Blobs[1].Descriptor.Digest.String()})
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, 10))
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, resp.Body.Close())
	_, err = f.Fetch(ctx, &fetchshim.Request{URL: host + "/v2/"})
	require.ErrorIs(t, err, context.Canceled)
}
