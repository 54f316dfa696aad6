package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// redirecting is a registry that sends each upload on twice before it takes it, as those do that keep blobs elsewhere.
func redirecting(t *testing.T) (d *depot.Depot, hostPort string) {
	d = depot.Memory()
	reg := nethttp.Handler(serve.New(d.Serve()))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		hops := len(q["hop"])
		if hops < 2 && (r.Method == http.MethodPut || r.Method == http.MethodPatch) && strings.Contains(r.URL.Path, "/blobs/uploads/") {
			_, _ = io.Copy(io.Discard, r.Body)
			q.Add("hop", "")
			w.Header().Set("Location", r.URL.Path+"?"+q.Encode())
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		q.Del("hop")
		r.URL.RawQuery = q.Encode()
		reg.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return d, strings.TrimPrefix(srv.URL, "http://")
}

// TestRedirectedUpload copies an image to such a registry: every host sends the body again, whole and from its start.
func TestRedirectedUpload(t *testing.T) {
	dir := fixture(t)
	d, host := redirecting(t)
	ends := append([]frontEnd{
		native(t), reactorWazero(t), reactorJS(t, "node", tool(t, "node")), reactorJS(t, "bun", tool(t, "bun")),
		reactorJS(t, "deno", tool(t, "deno"), "run", "--allow-all", "--no-config"),
	}, secondHosts(t)...)
	for i, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			name := fmt.Sprintf("harbor-%d", i)
			got := e.run(t, dir, []parityCase{{Name: "copy", Verb: "copy", Request: map[string]any{
				"source": "oci:harbor:latest", "destinations": []string{fmt.Sprintf("docker://%s/%s:v1", host, name)},
			}}})
			require.Empty(t, got[0].Kind, got[0])
			src, err := d.Open(t.Context(), name)
			require.NoError(t, err)
			doc, err := src.Manifest(t.Context(), "v1")
			require.NoError(t, err)
			require.Equal(t, layoutTag(t, "latest").Digest, doc.Digest())
			for _, tag := range []string{"amd64", "arm64"} {
				for _, l := range layoutManifest(t, tag).Layers {
					r, err := src.Blob(l).Open(t.Context())
					require.NoError(t, err)
					_, err = io.Copy(io.Discard, r)
					require.NoError(t, err, "size and digest are checked by reading")
					require.NoError(t, r.Close())
				}
			}
		})
	}
}
