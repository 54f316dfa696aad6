package relay_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// pushed names the registry of the tests for writing.
func pushed(o *relay.Options) { o.Push = []string{"registry.example.com"} }

const uploads = base + "a/b/blobs/uploads/"

func with(req *fetchshim.Request, body string) *fetchshim.Request {
	req.Body = fetchshim.Bytes([]byte(body))
	return req
}

// TestPush: what writing takes goes to the registry that was named, as it came.
func TestPush(t *testing.T) {
	w := newWorld(t)
	var got *http.Request
	var sent bytes.Buffer
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		got = r
		sent.Reset()
		_, _ = sent.ReadFrom(r.Body)
		rw.Header().Set("Location", "https://elsewhere.example.com/v2/a/b/blobs/uploads/2")
		rw.Header().Set("Range", "0-3")
		rw.Header().Set("Set-Cookie", "session=1")
		rw.WriteHeader(202)
	})
	r := w.relay(pushed)
	for _, req := range []*fetchshim.Request{
		ask("POST", uploads), ask("POST", uploads+"?mount="+digest+"&from=c"), ask("GET", uploads+"5e1f-_.~="), ask("DELETE", uploads+"1"),
		with(ask("PATCH", uploads+"1?_state=abc", field("Content-Range", "0-3"), field("Content-Type", "application/octet-stream")), "body"),
		with(ask("PUT", uploads+"1?digest="+digest, field("Cookie", "a=b")), strings.Repeat("x", 5<<20)),
		with(ask("PUT", manifest, field("Content-Type", "application/vnd.oci.image.manifest.v1+json")), "{}"),
		ask("DELETE", manifest), ask("DELETE", blob),
	} {
		a := send(t, r, req)
		require.Equal(t, 202, a.Status, "%s %s: %s", req.Method, req.URL, a.body)
		require.Equal(t, "answer", a.Header.Get(relay.Mark))
		require.Equal(t, req.Method, got.Method)
		require.Equal(t, strings.TrimPrefix(req.URL, "http://"+self+"/relay/https/registry.example.com"), got.RequestURI)
		for _, name := range []string{"Content-Type", "Content-Range"} {
			require.Equal(t, req.Header.Get(name), got.Header.Get(name))
		}
		require.Empty(t, got.Header.Get("Cookie"))
		require.Equal(t, []string{"0-3", "https://elsewhere.example.com/v2/a/b/blobs/uploads/2", ""},
			[]string{a.Header.Get("Range"), a.Header.Get("Location"), a.Header.Get("Set-Cookie")})
		if req.Body != nil {
			require.EqualValues(t, req.Body.Len(), sent.Len())
			require.Equal(t, req.Body.Len(), got.ContentLength)
		}
	}
	a := send(t, r, ask("GET", manifest))
	require.Empty(t, a.Header.Get("Location"), "of no request that reads")
}

// TestPushRefused: nothing is written but to the registry that was named, and nothing else is sent there.
func TestPushRefused(t *testing.T) {
	other := func(path string) string { return strings.Replace(path, "registry.example.com", "other.example.com", 1) }
	endless := ask("PUT", manifest)
	endless.Body = fetchshim.BodyFunc{Size: -1}
	for name, c := range map[string]struct {
		req    *fetchshim.Request
		status int
	}{
		"another registry":       {ask("POST", other(uploads)), 403},
		"another's manifest":     {ask("DELETE", other(manifest)), 405},
		"another port":           {ask("POST", strings.Replace(uploads, ".com", ".com:444", 1)), 403},
		"plain HTTP":             {ask("POST", strings.Replace(uploads, "https", "http", 1)), 403},
		"a large manifest":       {with(ask("PUT", manifest), strings.Repeat("x", oci.MaxManifest+1)), 413},
		"an endless manifest":    {endless, 413},
		"a body to read":         {with(ask("GET", manifest), "x"), 413},
		"a body to begin":        {with(ask("POST", uploads), "x"), 413},
		"a body to delete":       {with(ask("DELETE", blob), "x"), 413},
		"a blob put":             {with(ask("PUT", blob), "x"), 405},
		"a tag list":             {ask("DELETE", base+"a/tags/list"), 405},
		"the catalog":            {ask("POST", base+"_catalog"), 405},
		"the base":               {ask("PUT", base), 405},
		"HEAD of an upload":      {ask("HEAD", uploads+"1"), 405},
		"a session with a slash": {ask("PATCH", uploads+"a/b"), 403},
		"an escaped session":     {ask("PATCH", uploads+"a%2Fb"), 400},
		"dots":                   {ask("PATCH", uploads+".."), 400},
		"two ranges":             {ask("PATCH", uploads+"1", field("Content-Range", "0-1"), field("Content-Range", "0-2")), 400},
		"no token":               {ask("POST", uploads, field(relay.Mark, "")), 403},
		"another page":           {ask("POST", uploads, field("Sec-Fetch-Site", "cross-site")), 403},
		"another method":         {ask("PROPPATCH", manifest), 405},
	} {
		t.Run(name, func(t *testing.T) {
			w := hello(t)
			w.site("other.example.com", otherAddr, func(http.ResponseWriter, *http.Request) {})
			status, _, message := refusal(t, w.relay(pushed), c.req)
			require.Equal(t, c.status, status, message)
			w.nothing()
		})
	}
}

// TestPushRedirected: a body goes to nobody who was not named.
func TestPushRedirected(t *testing.T) {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://other.example.com"+r.URL.Path, http.StatusTemporaryRedirect)
	})
	w.site("other.example.com", otherAddr, func(http.ResponseWriter, *http.Request) { t.Error("it went there") })
	for _, req := range []*fetchshim.Request{ask("POST", uploads), with(ask("PATCH", uploads+"1"), "x"), ask("GET", uploads+"1"), ask("DELETE", blob)} {
		status, kind, message := refusal(t, w.relay(pushed), req)
		require.Equal(t, 502, status)
		require.Equal(t, "refused", kind)
		require.Contains(t, message, "redirects")
	}
}

// TestPushPrivate: to be named for writing opens no private address.
func TestPushPrivate(t *testing.T) {
	w := newWorld(t)
	w.site("registry.example.com", "10.0.0.7", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(202) })
	status, _, message := refusal(t, w.relay(pushed), ask("POST", uploads))
	require.Equal(t, 403, status)
	require.Contains(t, message, "not an address of the Internet")
	both := w.relay(func(o *relay.Options) { pushed(o); o.Allow = o.Push })
	require.Equal(t, 202, send(t, both, ask("POST", uploads)).Status)
}

// TestPushClient writes an image with the registry client through the relay, and not to a registry that was not named.
func TestPushClient(t *testing.T) {
	w := newWorld(t)
	d := depot.Memory()
	reg := nethttp.Handler(serve.New(d.Serve()))
	w.site("registry.example.com", registryAddr, reg.ServeHTTP)
	f := contenttest.NewImage()
	put := func(change func(*relay.Options)) error {
		var r *relay.Relay
		front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) { nethttp.Handler(r).ServeHTTP(rw, q) }))
		t.Cleanup(front.Close)
		r = w.relay(func(o *relay.Options) { change(o); o.Hosts = []string{front.Listener.Addr().String()} })
		client := nethttp.New(nethttp.Options{})
		t.Cleanup(client.CloseIdle)
		parsed, err := ref.Parse("registry.example.com/a/b:v1")
		require.NoError(t, err)
		through := &through{next: client, base: front.URL, token: token, seals: map[string]string{}}
		sink := registry.New(registry.Options{Fetcher: through, Chunk: 4}).Sink(parsed)
		for _, c := range f.Blobs {
			if _, err := sink.PutBlob(t.Context(), c.Blob()); err != nil {
				return err
			}
		}
		require.NoError(t, sink.PutManifest(t.Context(), "v1", f.Root))
		return sink.Commit(t.Context())
	}
	require.Equal(t, errs.Denied, errs.Of(put(func(*relay.Options) {})))
	require.NoError(t, put(pushed))
	var src content.Source
	src, err := d.Open(t.Context(), "a/b")
	require.NoError(t, err)
	doc, err := src.Manifest(t.Context(), "v1")
	require.NoError(t, err)
	require.Equal(t, f.Root.Digest(), doc.Digest())
}
