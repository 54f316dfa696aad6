package tests

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// otherImage is the bundled image for arm64: of its second layer the diff ID.
type otherImage struct {
	Manifest digest.Digest `json:"manifest"`
	Config   digest.Digest `json:"config"`
	DiffID   digest.Digest `json:"diffId"`
}

func newOtherImage(t *testing.T) otherImage {
	t.Helper()
	m := layoutManifest(t, "arm64")
	raw, err := os.ReadFile(filepath.Join(harbor, "blobs", "sha256", m.Config.Digest.Encoded()))
	require.NoError(t, err)
	var config v1.Image
	require.NoError(t, json.Unmarshal(raw, &config))
	return otherImage{layoutTag(t, "arm64").Digest, m.Config.Digest, config.RootFS.DiffIDs[1]}
}

// TestPageWays brings folders and what is pasted, follows digests to other platforms, and takes the server away.
func TestPageWays(t *testing.T) {
	world := struct {
		pageWorld
		Other otherImage `json:"other"`
	}{newPageWorld(t), newOtherImage(t)}
	for _, b := range []struct{ name, program string }{{"chromium", "chromium"}, {"firefox", "firefox-esr"}} {
		t.Run(b.name, func(t *testing.T) {
			runPage(t, "ways.test.mjs", b.name, b.program, world)
		})
	}
}

// writableBehind puts a handler before an empty registry.
func writableBehind(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	_, inner := writable(t)
	to, err := url.Parse("http://" + inner)
	require.NoError(t, err)
	srv := httptest.NewServer(wrap(httputil.NewSingleHostReverseProxy(to)))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// TestPageCopies takes images away by the page. What it wrote is then read by skopeo and crane.
func TestPageCopies(t *testing.T) {
	skopeo, crane := tool(t, "skopeo"), tool(t, "crane")
	peer := func(t *testing.T, name string, args ...string) digest.Digest {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, args...).Output()
		require.NoError(t, err)
		return digest.FromBytes(out)
	}
	for _, b := range []struct{ name, program string }{{"chromium", "chromium"}, {"firefox", "firefox-esr"}} {
		t.Run(b.name, func(t *testing.T) {
			closed := writableBehind(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(withoutCORS{w}, r) })
			})
			_, to := writable(t)
			base, token := startWeb(t, "--allow-registry", closed, "--allow-push", closed)
			large := filepath.Join(t.TempDir(), "large.tar")
			sparseArchive(t, large, 1<<30)
			out, index, other := t.TempDir(), layoutTag(t, "latest").Digest, newOtherImage(t)
			world := map[string]any{
				"dist": absolute(t, "../web/dist"), "fixtures": fixture(t), "large": large, "open": registryOf(t, harbor), "to": to,
				"secret": writableBehind(t, withPassword), "closed": closed, "web": base + "/#relay=" + token, "out": out, "index": index, "other": other,
			}
			runPage(t, "copies.test.mjs", b.name, b.program, world)

			require.Equal(t, index, peer(t, skopeo, "inspect", "--raw", "oci-archive:"+filepath.Join(out, "whole.tar")+":latest"))
			require.Equal(t, other.Manifest, peer(t, skopeo, "inspect", "--raw", "oci-archive:"+filepath.Join(out, "one.tar")+":latest"))
			require.Equal(t, other.Config, peer(t, skopeo, "inspect", "--config", "--raw", "docker-archive:"+filepath.Join(out, "docker.tar")+":harbor:latest"))
			require.Equal(t, index, peer(t, crane, "manifest", to+"/dropped:1"))
			require.Equal(t, index, peer(t, crane, "manifest", closed+"/relayed:1"))
			pulled := filepath.Join(t.TempDir(), "pulled")
			for _, image := range []string{to + "/dropped:1", closed + "/relayed:1"} {
				require.NoError(t, exec.CommandContext(t.Context(), crane, "pull", "--format", "oci", image, pulled).Run(), "every blob of %s is there", image)
			}
			require.Equal(t, index, peer(t, skopeo, "inspect", "--raw", "--tls-verify=false", "--creds", "user:open sesame", "docker://"+world["secret"].(string)+"/private:1"))
		})
	}
}
