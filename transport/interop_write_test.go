package transport_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// writerOf is muxOf for one that writes as well.
func writerOf(t testing.TB) *transport.Mux {
	t.Helper()
	scratch, err := osfs.Create(filepath.Join(t.TempDir(), "scratch"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, scratch.Close()) })
	return transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}, Scratch: fsys.Fixed(scratch)})
}

// transfer copies from one reference to others of one endpoint.
func transfer(t testing.TB, m *transport.Mux, from string, to ...string) {
	t.Helper()
	r, err := ref.Parse(from)
	require.NoError(t, err)
	src, err := m.Open(t.Context(), r)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	var names []string
	for _, typed := range to {
		dst, err := ref.Parse(typed)
		require.NoError(t, err)
		if dst.Tag != "" {
			names = append(names, dst.Tag)
		}
	}
	first, err := ref.Parse(to[0])
	require.NoError(t, err)
	dst, err := m.Create(t.Context(), first)
	require.NoError(t, err)
	defer func() { require.NoError(t, dst.Close()) }()
	p, err := xfer.New(t.Context(), src, r.Ident(), from, xfer.Options{})
	require.NoError(t, err)
	_, err = p.Move(t.Context(), dst, names)
	require.NoError(t, err)
}

// TestOthersReadWhatWeWrite has every tool that reads a format read what we write in it.
func TestOthersReadWhatWeWrite(t *testing.T) {
	m, from, dir := writerOf(t), harbor(t), t.TempDir()
	index, amd64 := walk(t, m, "oci:"+from+":latest"), walk(t, m, "oci:"+from+":amd64")
	transfer(t, m, "oci:"+from+":latest", "oci:"+dir+"/l:all", "oci:"+dir+"/l:also")
	transfer(t, m, "oci:"+from+":amd64", "oci:"+dir+"/l:amd64")
	transfer(t, m, "oci:"+from+":latest", "oci:"+dir+"/bare")
	transfer(t, m, "oci:"+from+":latest", "oci-archive:"+dir+"/all.tar:all")
	transfer(t, m, "oci:"+from+":amd64", "oci-archive:"+dir+"/one.tar:one")
	transfer(t, m, "oci:"+from+":amd64", "docker-archive:"+dir+"/docker.tar:harbor:v1", "docker-archive:"+dir+"/docker.tar:localhost/harbor:v2")
	transfer(t, m, "oci:"+from+":latest", "dir:"+dir+"/folder")
	repo := craneRegistry(t)

	t.Run("skopeo", func(t *testing.T) {
		for source, want := range map[string]image{
			"oci:l:all": index, "oci:l:also": index, "oci:l:amd64": amd64, "oci:bare": index, "dir:folder": index,
			"oci-archive:all.tar": index, "oci-archive:all.tar:all": index, "oci-archive:one.tar:one": amd64,
		} {
			to := "sk-" + strings.NewReplacer(":", "-", ".", "-").Replace(source)
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", source, "oci:"+to+":x")
			require.Equal(t, want, walk(t, m, "oci:"+dir+"/"+to+":x"), source)
		}
		for _, source := range []string{"docker-archive:docker.tar", "docker-archive:docker.tar:harbor:v1", "docker-archive:docker.tar:localhost/harbor:v2", "docker-archive:docker.tar:@0"} {
			raw := run(t, dir, "skopeo", "inspect", "--raw", source)
			require.Contains(t, raw, amd64.configs[0].String(), source)
		}
		run(t, dir, "skopeo", "copy", "-q", "docker-archive:docker.tar", "dir:unpacked")
		require.Equal(t, amd64.diffIDs, walk(t, m, "dir:"+dir+"/unpacked").diffIDs)
	})
	t.Run("umoci", func(t *testing.T) {
		require.Equal(t, []string{"all", "also", "amd64"}, strings.Fields(run(t, dir, "umoci", "ls", "--layout", "l")))
		run(t, dir, "umoci", "unpack", "--rootless", "--image", "l:amd64", "bundle")
		run(t, dir, "umoci", "gc", "--layout", "bare")
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/bare"), "umoci gc finds everything from index.json")
	})
	t.Run("crane", func(t *testing.T) {
		// It takes a layout of one image or one index only: the children must not be entries.
		run(t, dir, "crane", "push", "bare", repo+"/crane:layout")
		require.Equal(t, index.root.String(), strings.TrimSpace(run(t, dir, "crane", "digest", repo+"/crane:layout")))
		run(t, dir, "crane", "push", "docker.tar", repo+"/crane:tarball")
		require.Contains(t, run(t, dir, "crane", "manifest", repo+"/crane:tarball"), amd64.configs[0].String())
	})
	t.Run("regctl", func(t *testing.T) {
		require.Equal(t, []string{"all", "also", "amd64"}, strings.Fields(run(t, dir, "regctl", "tag", "ls", "ocidir://l")))
		run(t, dir, "regctl", "image", "copy", "ocidir://l:all", "ocidir://rc:x")
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/rc:x"))
		for archive, want := range map[string]image{"all.tar": index, "one.tar": amd64} {
			run(t, dir, "regctl", "image", "import", "ocidir://imported:"+archive, archive)
			require.Equal(t, want, walk(t, m, "oci:"+dir+"/imported:"+archive))
		}
		run(t, dir, "regctl", "image", "import", "ocidir://imported:docker", "docker.tar")
		require.Equal(t, amd64.configs, walk(t, m, "oci:"+dir+"/imported:docker").configs)
	})
	t.Run("oras", func(t *testing.T) {
		run(t, dir, "oras", "cp", "--from-oci-layout", "--to-oci-layout", "l:all", "or:x")
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/or:x"))
		run(t, dir, "oras", "cp", "--from-oci-layout", "--to-oci-layout", "all.tar:all", "or:archive")
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/or:archive"))
	})
	t.Run("the layout stays ours", func(t *testing.T) {
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/l:all"))
		require.Equal(t, amd64, walk(t, m, "oci:"+dir+"/l:amd64"))
	})
}

// TestContainersLoad has buildah and podman take an image in every form. The bundled image will not do: the storage
// driver for tests takes no layer that has a name twice.
func TestContainersLoad(t *testing.T) {
	m, dir := writerOf(t), t.TempDir()
	storage := []string{"--storage-driver=vfs", "--root=" + dir + "/root", "--runroot=" + dir + "/run"}
	buildah := func(args ...string) string {
		return strings.TrimSpace(run(t, dir, "buildah", append(storage, args...)...))
	}
	container := buildah("from", "scratch")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o600))
	buildah("add", "-q", container, "file", "/file")
	buildah("commit", "-q", container, "oci:made:one")
	want := walk(t, m, "oci:"+dir+"/made:one").configs[0].Encoded()
	for _, to := range []string{"oci:l:one", "oci-archive:a.tar:one", "docker-archive:d.tar:alpine:one", "docker-archive:e.tar", "dir:folder"} {
		scheme, path, _ := strings.Cut(to, ":")
		transfer(t, m, "oci:"+dir+"/made:one", scheme+":"+dir+"/"+path)
		require.Equal(t, want, buildah("pull", "-q", to), "%s: the image ID is the digest of the config", to)
	}
	require.Contains(t, buildah("images", "--format", "{{.Name}}:{{.Tag}}"), "docker.io/library/alpine:one")

	podman := append([]string{"--storage-driver=vfs", "--root=" + dir + "/podman", "--runroot=" + dir + "/podrun"}, "load", "-q", "-i")
	require.Contains(t, run(t, dir, "podman", append(podman, "d.tar")...), "docker.io/library/alpine:one")
	require.Contains(t, run(t, dir, "podman", append(podman, "a.tar")...), "one")
}

// TestWritingIntoOthersLayouts adds to layouts that other tools made, and has them read what was theirs and what is ours.
func TestWritingIntoOthersLayouts(t *testing.T) {
	m, from, dir := writerOf(t), harbor(t), t.TempDir()
	index, amd64 := walk(t, m, "oci:"+from+":latest"), walk(t, m, "oci:"+from+":amd64")
	run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "oci:"+from+":latest", "oci:skopeo:theirs")
	run(t, dir, "regctl", "image", "copy", "ocidir://"+from+":latest", "ocidir://regctl:theirs")
	run(t, dir, "oras", "cp", "--from-oci-layout", "--to-oci-layout", from+":latest", "oras:theirs")
	run(t, dir, "umoci", "init", "--layout", "umoci")
	run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "oci:"+from+":latest", "oci:umoci:theirs")
	for _, layout := range []string{"skopeo", "regctl", "oras", "umoci"} {
		transfer(t, m, "oci:"+from+":amd64", "oci:"+dir+"/"+layout+":ours")
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/"+layout+":theirs"), layout)
		require.Equal(t, amd64, walk(t, m, "oci:"+dir+"/"+layout+":ours"), layout)
		for _, tag := range []string{"theirs", "ours"} {
			run(t, dir, "skopeo", "copy", "-q", "--all", "--preserve-digests", "oci:"+layout+":"+tag, "dir:"+layout+"-"+tag)
			run(t, dir, "regctl", "image", "copy", "ocidir://"+layout+":"+tag, "ocidir://rc-"+layout+":"+tag)
			run(t, dir, "oras", "cp", "--from-oci-layout", "--to-oci-layout", layout+":"+tag, "or-"+layout+":"+tag)
		}
	}
}

// TestOthersPullFromAWebServer reads a static: folder with registry clients.
func TestOthersPullFromAWebServer(t *testing.T) {
	m, from, dir := writerOf(t), harbor(t), t.TempDir()
	index, amd64 := walk(t, m, "oci:"+from+":latest"), walk(t, m, "oci:"+from+":amd64")
	transfer(t, m, "oci:"+from+":latest", "static:"+dir+"/www:team/harbor:v1", "static:"+dir+"/www:team/harbor:latest")
	transfer(t, m, "oci:"+from+":amd64", "static:"+dir+"/www:team/harbor:amd64")
	require.Equal(t, index, walk(t, m, "static:"+dir+"/www:team/harbor:v1"))
	require.Equal(t, index, walk(t, m, "static:"+dir+"/www:team/harbor"))
	require.Equal(t, amd64, walk(t, m, "static:"+dir+"/www@"+amd64.root.String()))
	files := http.FileServer(http.Dir(filepath.Join(dir, "www")))
	plain := httptest.NewServer(files)
	defer plain.Close()
	// skopeo goes by the Content-Type alone, which a web server has to be told.
	typed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(filepath.Join(dir, "www", filepath.FromSlash(r.URL.Path)))
		if doc, derr := oci.NewDocument(b, "", ""); err == nil && derr == nil && strings.Contains(r.URL.Path, "/manifests/") {
			w.Header().Set("Content-Type", doc.MediaType)
		}
		files.ServeHTTP(w, r)
	}))
	defer typed.Close()
	name := func(s *httptest.Server) string {
		return strings.Replace(s.Listener.Addr().String(), "127.0.0.1", "localhost", 1) + "/team/harbor"
	}
	run(t, dir, "skopeo", "copy", "-q", "--src-tls-verify=false", "--all", "--preserve-digests", "docker://"+name(typed)+":v1", "oci:skopeo:x")
	run(t, dir, "oras", "cp", "--from-plain-http", "--to-oci-layout", name(typed)+":v1", "oras:x")
	for _, layout := range []string{"skopeo", "oras"} {
		require.Equal(t, index, walk(t, m, "oci:"+dir+"/"+layout+":x"), layout)
	}
	for _, server := range []*httptest.Server{plain, typed} {
		run(t, dir, "crane", "pull", "--insecure", "--format=oci", name(server)+":amd64", "crane")
		require.Equal(t, amd64, walk(t, m, "oci:"+dir+"/crane"))
		require.Equal(t, []string{"amd64", "latest", "v1"}, strings.Fields(run(t, dir, "crane", "ls", "--insecure", name(server))))
		require.Equal(t, []string{"team/harbor"}, strings.Fields(run(t, dir, "crane", "catalog", "--insecure", strings.TrimSuffix(name(server), "/team/harbor"))))
	}
}
