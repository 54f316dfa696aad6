package transport_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// tool finds a program on the PATH or where tests/setup.sh puts it.
func tool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := filepath.Abs(filepath.Join("..", ".cache", "bin", name))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run tests/setup.sh test", name)
	}
	return path
}

// run runs a program in dir and returns what it prints.
func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool(t, name), args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), stderr.String())
	return string(out)
}

// harbor is the bundled image.
func harbor(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "testdata", "harbor"))
	require.NoError(t, err)
	return path
}

func muxOf(t testing.TB) *transport.Mux {
	t.Helper()
	scratch, err := osfs.Create(filepath.Join(t.TempDir(), "scratch"))
	require.NoError(t, err)
	t.Cleanup(func() {
		left, err := scratch.List(context.Background(), ".")
		require.NoError(t, err)
		require.Empty(t, left, "scratch is left clean")
		require.NoError(t, scratch.Close())
	})
	return transport.New(transport.Options{Files: osfs.Host{}, Scratch: fsys.Fixed(scratch)})
}

// image is what a reference led to: digests of the root, of the configs, and of every blob.
type image struct {
	root    digest.Digest
	configs []digest.Digest
	diffIDs [][]digest.Digest
	layers  []digest.Digest
}

// walk opens a reference and reads, and so verifies, everything that it leads to.
func walk(t testing.TB, m *transport.Mux, typed string) image {
	t.Helper()
	img, err := tryWalk(t, m, typed)
	require.NoError(t, err, typed)
	return img
}

// tryWalk is walk where the reference may not name an image; what an image leads to must be there.
func tryWalk(t testing.TB, m *transport.Mux, typed string) (image, error) {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	s, err := m.Open(t.Context(), r)
	if err != nil {
		return image{}, err
	}
	defer func() { require.NoError(t, s.Close()) }()
	doc, err := s.Manifest(t.Context(), r.Ident())
	if err != nil {
		return image{}, err
	}
	img := image{root: doc.Digest()}
	img.add(t, s, doc)
	return img, nil
}

func (img *image) add(t testing.TB, s content.Source, doc oci.Document) {
	t.Helper()
	if doc.IsIndex() {
		x, err := doc.Index()
		require.NoError(t, err)
		for _, c := range x.Manifests {
			child, err := s.Manifest(t.Context(), c.Digest.String())
			require.NoError(t, err)
			img.add(t, s, child)
		}
		return
	}
	m, err := doc.Manifest()
	require.NoError(t, err)
	var config v1.Image
	if b := read(t, s, m.Config); oci.IsImageConfig(m.Config.MediaType) {
		require.NoError(t, json.Unmarshal(b, &config))
	}
	img.configs = append(img.configs, m.Config.Digest)
	img.diffIDs = append(img.diffIDs, config.RootFS.DiffIDs)
	for _, l := range m.Layers {
		read(t, s, l)
		img.layers = append(img.layers, l.Digest)
	}
}

func read(t testing.TB, s content.Source, d v1.Descriptor) []byte {
	t.Helper()
	r, err := s.Blob(d).Open(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

// TestInterop reads what other tools write. Each case writes into an empty directory; %s in its reference is that.
func TestInterop(t *testing.T) {
	m, from := muxOf(t), harbor(t)
	index, amd64 := walk(t, m, "oci:"+from+":latest"), walk(t, m, "oci:"+from+":amd64")
	cases := []struct {
		name  string
		write func(t *testing.T, dir string)
		reads map[string]image
	}{
		{"skopeo oci", func(t *testing.T, dir string) {
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "oci:"+from+":latest", "oci:l:all")
			run(t, dir, "skopeo", "copy", "-q", "--preserve-digests", "oci:"+from+":amd64", "oci:l:docker.io/library/harbor:1.0")
			run(t, dir, "skopeo", "copy", "-q", "--preserve-digests", "oci:"+from+":amd64", "oci:l:again")
		}, map[string]image{"oci:%s/l:all": index, "oci:%s/l:1.0": amd64, "oci:%s/l:again": amd64, "oci:%s/l@" + amd64.root.String(): amd64}},
		{"skopeo oci-archive", func(t *testing.T, dir string) {
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "oci:"+from+":latest", "oci-archive:a.tar:all")
			run(t, dir, "gzip", "-k", "a.tar")
		}, map[string]image{"oci-archive:%s/a.tar": index, "oci-archive:%s/a.tar:all": index, "oci-archive:%s/a.tar.gz:all": index}},
		{"skopeo dir", func(t *testing.T, dir string) {
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "oci:"+from+":latest", "dir:all")
			run(t, dir, "skopeo", "copy", "-q", "--preserve-digests", "oci:"+from+":amd64", "dir:one")
		}, map[string]image{"dir:%s/all": index, "dir:%s/one": amd64, "dir:%s/all@" + amd64.root.String(): amd64}},
		{"regctl", func(t *testing.T, dir string) {
			run(t, dir, "regctl", "image", "copy", "ocidir://"+from+":latest", "ocidir://l:1.0")
			run(t, dir, "regctl", "image", "copy", "ocidir://"+from+":amd64", "ocidir://l:amd64")
			run(t, dir, "regctl", "image", "export", "--name", "harbor:v1", "ocidir://"+from+":amd64", "a.tar")
		}, map[string]image{"oci:%s/l:1.0": index, "oci:%s/l:amd64": amd64, "oci-archive:%s/a.tar:v1": amd64}},
		{"oras", func(t *testing.T, dir string) {
			run(t, dir, "oras", "cp", "--no-tty", "--from-oci-layout", from+":latest", "--to-oci-layout", "l:1.0")
			run(t, dir, "oras", "tag", "--oci-layout", "l:1.0", "second")
			run(t, dir, "tar", "-cf", "a.tar", "-C", "l", ".") // entries begin with ./
		}, map[string]image{"oci:%s/l": index, "oci:%s/l:second": index, "oci-archive:%s/a.tar:1.0": index}},
		{"umoci", func(t *testing.T, dir string) {
			run(t, dir, "cp", "-r", from, "l")
			run(t, dir, "umoci", "tag", "--image", "l:amd64", "third")
		}, map[string]image{"oci:%s/l:third": amd64, "oci:%s/l:latest": index}},
		{"crane", func(t *testing.T, dir string) {
			repo := craneRegistry(t) + "/harbor:v1"
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", "oci:"+from+":latest", "docker://"+repo)
			run(t, dir, "crane", "pull", "--format=oci", repo, "l")
			run(t, dir, "crane", "pull", "--format=oci", "--annotate-ref", "--platform=linux/amd64", repo, "one")
		}, map[string]image{"oci:%s/l": index, "oci:%s/one:v1": amd64}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.write(t, dir)
			for typed, want := range c.reads {
				typed = strings.Replace(typed, "%s", dir, 1)
				require.Equal(t, want, walk(t, m, typed), typed)
			}
		})
	}
}

// craneRegistry starts a registry for the duration of the test and returns its host and port.
func craneRegistry(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(tool(t, "crane"), "registry", "serve", "--address=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, port, ok := strings.Cut(lines.Text(), "serving on port "); ok {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return "localhost:" + port
		}
	}
	t.Fatal("crane registry serve named no port")
	return ""
}

// TestInteropDockerArchives reads archives in the formats that tools write for docker load. They have no manifest, so the
// config and the diff IDs are what must agree.
func TestInteropDockerArchives(t *testing.T) {
	m, from := muxOf(t), harbor(t)
	want := walk(t, m, "oci:"+from+":amd64")
	dir := t.TempDir()
	run(t, dir, "skopeo", "copy", "-q", "--additional-tag", "harbor:other", "oci:"+from+":amd64", "docker-archive:skopeo.tar:localhost/harbor:v1")
	run(t, dir, "gzip", "-k", "skopeo.tar")
	run(t, dir, "zstd", "-q", "skopeo.tar")
	run(t, dir, "regctl", "image", "export", "--name", "harbor:v1", "ocidir://"+from+":amd64", "regctl.tar")
	repo := craneRegistry(t) + "/harbor:v1"
	run(t, dir, "skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:"+from+":amd64", "docker://"+repo)
	for _, format := range []string{"tarball", "legacy"} {
		run(t, dir, "crane", "pull", "--format="+format, repo, "crane-"+format+".tar")
	}
	for _, typed := range []string{
		"skopeo.tar", "skopeo.tar.gz", "skopeo.tar.zst", "skopeo.tar:localhost/harbor:v1", "skopeo.tar:harbor:other", "skopeo.tar:docker.io/library/harbor:other", "skopeo.tar:@0",
		"regctl.tar", "regctl.tar:harbor:v1", "crane-tarball.tar", "crane-tarball.tar:" + repo, "crane-legacy.tar",
	} {
		got := walk(t, m, "docker-archive:"+dir+"/"+typed)
		require.Equal(t, want.configs, got.configs, typed)
		require.Equal(t, want.diffIDs, got.diffIDs, typed)
		again := walk(t, m, "docker-archive:"+dir+"/"+typed+atDigest(typed, got))
		require.Equal(t, got, again, "%s: the same bytes each time, found by digest", typed)
	}
	require.Equal(t, want.diffIDs[0], walk(t, m, "docker-archive:"+dir+"/skopeo.tar").layers, "skopeo stores layers uncompressed")
	require.Equal(t, want.layers, walk(t, m, "docker-archive:"+dir+"/regctl.tar").layers, "regctl stores them as they were")

	var theirs v1.Manifest
	require.NoError(t, json.Unmarshal([]byte(run(t, dir, "skopeo", "inspect", "--raw", "docker-archive:skopeo.tar")), &theirs))
	var digests []digest.Digest
	for _, l := range theirs.Layers {
		digests = append(digests, l.Digest)
	}
	require.Equal(t, digests, walk(t, m, "docker-archive:"+dir+"/skopeo.tar").layers, "the layers that skopeo names")
}

// atDigest is @digest for a reference without a tag.
func atDigest(typed string, img image) string {
	if strings.Contains(typed, ":") {
		return ""
	}
	return fmt.Sprint("@", img.root)
}

// TestInteropBuildah reads what buildah commits.
func TestInteropBuildah(t *testing.T) {
	dir := t.TempDir()
	storage := []string{"--storage-driver=vfs", "--root=" + dir + "/root", "--runroot=" + dir + "/run"}
	buildah := func(args ...string) string {
		return strings.TrimSpace(run(t, dir, "buildah", append(storage, args...)...))
	}
	container := buildah("from", "scratch")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600))
	buildah("add", "-q", container, "file", "/file")
	for _, to := range []string{"oci:" + dir + "/l:one", "oci-archive:" + dir + "/a.tar:one", "docker-archive:" + dir + "/d.tar:localhost/x:one", "dir:" + dir + "/folder"} {
		buildah("commit", "-q", container, to)
		got := walk(t, muxOf(t), to)
		require.Len(t, got.layers, 1, to)
	}
}
