package tests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// harbor is the bundled image.
const harbor = "../testdata/harbor"

// fixture makes a folder with the bundled image in every local form, under the names that the cases use.
func fixture(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "harbor"), os.DirFS(harbor)))
	ociTar := tarOf(t, os.DirFS(harbor))
	write(t, filepath.Join(dir, "harbor.oci.tar"), ociTar)
	saved := dockerSave(t, "amd64", "example.test/harbor:1")
	write(t, filepath.Join(dir, "harbor.docker.tar"), saved)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err := w.Write(saved)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	write(t, filepath.Join(dir, "harbor.docker.tar.gz"), z.Bytes())
	write(t, filepath.Join(dir, "cut.oci.tar"), ociTar[:len(ociTar)/2])
	write(t, filepath.Join(dir, "damaged.oci.tar"), tarOf(t, os.DirFS(damaged(t, 2))))
	return dir
}

// damaged is the bundled layout, in which a bit of a layer is another one.
func damaged(t *testing.T, layer int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "damaged")
	require.NoError(t, os.CopyFS(dir, os.DirFS(harbor)))
	blob := filepath.Join(dir, "blobs", "sha256", layoutManifest(t, "amd64").Layers[layer].Digest.Encoded())
	b, err := os.ReadFile(blob)
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	require.NoError(t, os.Chmod(blob, 0o644))
	write(t, blob, b)
	return dir
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, b, 0o644))
}

func tarOf(t *testing.T, fsys fs.FS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.AddFS(fsys))
	require.NoError(t, w.Close())
	return b.Bytes()
}

// dockerSave makes what docker save wrote before version 25: manifest.json, a config, uncompressed layers.
func dockerSave(t *testing.T, tag, name string) []byte {
	t.Helper()
	m := layoutManifest(t, tag)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, data []byte) {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
		_, err := w.Write(data)
		require.NoError(t, err)
	}
	var layers []string
	for _, l := range m.Layers {
		data := blob(t, l)
		if strings.HasSuffix(l.MediaType, "+gzip") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			require.NoError(t, err)
			data, err = io.ReadAll(z)
			require.NoError(t, err)
		}
		sum := sha256.Sum256(data)
		file := hex.EncodeToString(sum[:]) + "/layer.tar"
		layers = append(layers, file)
		add(file, data)
	}
	config := m.Config.Digest.Encoded() + ".json"
	add(config, blob(t, m.Config))
	list, err := json.Marshal([]map[string]any{{"Config": config, "RepoTags": []string{name}, "Layers": layers}})
	require.NoError(t, err)
	add("manifest.json", list)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func blob(t *testing.T, d v1.Descriptor) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(harbor, "blobs", d.Digest.Algorithm().String(), d.Digest.Encoded()))
	require.NoError(t, err)
	return b
}

// layoutManifest reads the manifest that a tag of the bundled layout names.
func layoutManifest(t *testing.T, tag string) v1.Manifest {
	t.Helper()
	var m v1.Manifest
	require.NoError(t, json.Unmarshal(blob(t, layoutTag(t, tag)), &m))
	return m
}

func layoutTag(t *testing.T, tag string) v1.Descriptor {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(harbor, "index.json"))
	require.NoError(t, err)
	var x v1.Index
	require.NoError(t, json.Unmarshal(raw, &x))
	for _, d := range x.Manifests {
		if d.Annotations[v1.AnnotationRefName] == tag {
			return d
		}
	}
	t.Fatalf("the bundled layout has no tag %s", tag)
	return v1.Descriptor{}
}

// registryOf serves a layout folder on a loopback port until the test ends and returns host:port. Every repository name
// shows the same layout.
func registryOf(t *testing.T, dir string) string {
	t.Helper()
	srv := httptest.NewServer(nethttp.Handler(serve.New(serve.Options{Source: layoutOf(t, dir)})))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// layoutOf opens a layout folder until the test ends.
func layoutOf(t *testing.T, dir string) content.Source {
	t.Helper()
	ctx := context.Background()
	root, err := osfs.Host{}.OpenDir(ctx, dir)
	require.NoError(t, err)
	src, err := layout.Open(ctx, root, dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = src.Close() })
	return src
}
