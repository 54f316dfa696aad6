package page_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/page"
	"github.com/stevedore-oci/stevedore/web"
)

const host = "127.0.0.1:4999"

func packed(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.Bytes()
}

func files() fstest.MapFS {
	f := func(b []byte) *fstest.MapFile { return &fstest.MapFile{Data: b} }
	return fstest.MapFS{
		"index.html": f([]byte("<p>hello")), "app.js": f([]byte("plain js")), "app.js.gz": f(packed("packed js")),
		"stevedore-js.wasm.gz": f(packed("\x00asm")), "assets/style-abc.css": f([]byte("p{}")), "folder/index.html": f([]byte("<p>below")), "x.bin": f([]byte("?")),
		"broken.js.gz": f([]byte("no gzip")),
	}
}

func get(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://"+host+path, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

func TestFiles(t *testing.T) {
	h := page.New(page.Options{Files: files(), Hosts: []string{host}})
	const gz = "Accept-Encoding: br, gzip;q=0.8"
	for _, c := range []struct{ path, accept, body, mediaType, encoding string }{
		{"/", gz, "<p>hello", "text/html; charset=utf-8", ""},
		{"/?x=1", gz, "<p>hello", "text/html; charset=utf-8", ""},
		{"/folder/", gz, "<p>below", "text/html; charset=utf-8", ""},
		{"/app.js", gz, "packed js", "text/javascript; charset=utf-8", "gzip"},
		{"/app.js", "Accept-Encoding: gzip;q=0", "plain js", "text/javascript; charset=utf-8", ""},
		{"/app.js", "Accept-Encoding: identity", "plain js", "text/javascript; charset=utf-8", ""},
		{"/stevedore-js.wasm", gz, "\x00asm", "application/wasm", "gzip"},
		{"/stevedore-js.wasm", "Accept-Encoding: br", "\x00asm", "application/wasm", ""},
		{"/assets/style-abc.css", gz, "p{}", "text/css; charset=utf-8", ""},
		{"/x.bin", gz, "?", "application/octet-stream", ""},
	} {
		r := get(h, "GET", c.path, c.accept)
		require.Equal(t, 200, r.StatusCode, c.path)
		require.Equal(t, c.mediaType, r.Header.Get("Content-Type"))
		require.Equal(t, c.encoding, r.Header.Get("Content-Encoding"))
		body := text(t, r)
		if c.encoding != "" {
			z, err := gzip.NewReader(strings.NewReader(body))
			require.NoError(t, err)
			b, err := io.ReadAll(z)
			require.NoError(t, err)
			body = string(b)
		}
		require.Equal(t, c.body, body)
		require.Empty(t, text(t, get(h, "HEAD", c.path, c.accept)))
	}
	for _, path := range []string{"/none", "/folder", "/assets", "/../index.html", "/a//b", "/%2e%2e/x", `/a\b`, "/broken.js.gz/x"} {
		require.Equal(t, 404, get(h, "GET", path).StatusCode, path)
	}
	require.Equal(t, 500, get(h, "GET", "/broken.js").StatusCode)
}

func TestCaching(t *testing.T) {
	h := page.New(page.Options{Files: files(), Hosts: []string{host}})
	require.Equal(t, "no-cache", get(h, "GET", "/").Header.Get("Cache-Control"))
	require.Contains(t, get(h, "GET", "/assets/style-abc.css").Header.Get("Cache-Control"), "immutable")
	require.Equal(t, "no-store", get(h, "GET", "/none").Header.Get("Cache-Control"))
	plain := get(h, "GET", "/app.js")
	small := get(h, "GET", "/app.js", "Accept-Encoding: gzip")
	require.Equal(t, "Accept-Encoding", plain.Header.Get("Vary"))
	require.NotEqual(t, plain.Header.Get("ETag"), small.Header.Get("ETag"))
	require.Equal(t, 304, get(h, "GET", "/app.js", "If-None-Match: "+plain.Header.Get("ETag")).StatusCode)
	require.Equal(t, 200, get(h, "GET", "/app.js", "If-None-Match: "+small.Header.Get("ETag")).StatusCode)
}

// TestHeaders are on every answer, errors too.
func TestHeaders(t *testing.T) {
	h := page.New(page.Options{Files: files(), Hosts: []string{host}, Connect: []string{"http://registry.lan:5000"}})
	for _, r := range []*http.Response{get(h, "GET", "/"), get(h, "GET", "/none"), get(h, "POST", "/"), get(h, "GET", "/", "Host: evil.example")} {
		csp := r.Header.Get("Content-Security-Policy")
		require.NotContains(t, csp, "unsafe-inline")
		require.NotContains(t, csp, "'unsafe-eval'")
		for _, part := range []string{"default-src 'none'", "'wasm-unsafe-eval'", "require-trusted-types-for 'script'", "frame-ancestors 'none'", "http://registry.lan:5000"} {
			require.Contains(t, csp, part)
		}
		require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", r.Header.Get("Referrer-Policy"))
		require.Equal(t, "same-origin", r.Header.Get("Cross-Origin-Opener-Policy"))
		require.Equal(t, "same-origin", r.Header.Get("Cross-Origin-Resource-Policy"))
		require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
	}
	require.Equal(t, 405, get(h, "POST", "/").StatusCode)
}

// TestRebinding: the page is not given to a name that somebody else made to resolve to this machine.
func TestRebinding(t *testing.T) {
	h := page.New(page.Options{Files: files(), Hosts: []string{host}})
	for _, other := range []string{"evil.example", "evil.example:4999", "127.0.0.1", "127.0.0.1:5000", host + ".", ""} {
		r := get(h, "GET", "/", "Host: "+other)
		require.Equal(t, http.StatusMisdirectedRequest, r.StatusCode, other)
		require.NotContains(t, text(t, r), "hello")
	}
}

// TestEmbedded: the binary has the page, or one that says how to get it.
func TestEmbedded(t *testing.T) {
	h := page.New(page.Options{Files: web.Files(), Hosts: []string{host}})
	r := get(h, "GET", "/")
	require.Equal(t, 200, r.StatusCode)
	require.Contains(t, text(t, r), "Stevedore")
	require.Equal(t, 404, get(h, "GET", "/dist.html").StatusCode)
}
