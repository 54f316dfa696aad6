package tests

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// TestNothingIsLeftRunning: what is broken off, cancelled or refused leaves no goroutine, no open file and no scratch behind.
func TestNothingIsLeftRunning(t *testing.T) {
	b := newBadRegistry(t)
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	tar := tarOf(t, os.DirFS(harbor))
	layers := []v1.Descriptor{b.put(v1.MediaTypeImageLayer, tar), b.put(v1.MediaTypeImageLayerZstd, enc.EncodeAll(tar, nil)), b.put(v1.MediaTypeImageLayerGzip, gzipped(t, tar))}
	require.NoError(t, enc.Close())
	b.manifest("good", b.image(layers, nil))
	cut := b.put(v1.MediaTypeImageLayerGzip, gzipped(t, tar)[:len(tar)/8])
	b.manifest("cut", b.image([]v1.Descriptor{layers[0], cut}, nil))
	dir := fixture(t)

	scratch, err := osfs.Create(filepath.Join(t.TempDir(), "scratch"))
	require.NoError(t, err)
	fetcher := nethttp.New(nethttp.Options{})
	mux := transport.New(transport.Options{Files: osfs.Host{}, Fetcher: fetcher, Scratch: fsys.Fixed(scratch)})
	env := &core.Env{Source: mux.Open, File: mux.OpenFile, Clock: clock.System{}, Output: func(context.Context, string) (io.WriteCloser, error) {
		return nopCloser{io.Discard}, nil
	}}
	files := openFiles()
	before := runtime.NumGoroutine()
	for range 20 {
		for _, typed := range []string{b.host + "/good:1", b.host + "/cut:1", "oci:" + dir + "/harbor:amd64", "docker-archive:" + dir + "/harbor.docker.tar.gz", "oci-archive:" + dir + "/cut.oci.tar", "oci-archive:" + dir + "/harbor.oci.tar:amd64"} {
			useAndDrop(t, env, typed)
		}
	}
	fetcher.CloseIdle()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, 50*time.Millisecond, "goroutines")
	require.Eventually(t, func() bool { return openFiles() <= files+2 }, 10*time.Second, 50*time.Millisecond, "open files")
	left, err := scratch.List(t.Context(), ".")
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, scratch.Close())
}

// openFiles is how many file descriptors this process has; 0 where nobody tells.
func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// useAndDrop reads an image in ways that end early. Errors are not looked at.
func useAndDrop(t *testing.T, env *core.Env, typed string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	zero := 0
	for _, in := range []core.FilesIn{{Ref: typed}, {Ref: typed, Layer: &zero}, {Ref: typed, Platform: "linux/s390x"}} {
		for range core.Files(ctx, env, in) {
			break
		}
	}
	_, _ = core.Cat(ctx, env, core.CatIn{Ref: typed, Path: "/no/such/file"})
	_, _ = core.Inspect(ctx, env, core.InspectIn{Ref: typed})
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	if src, err := env.Source(ctx, r); err == nil {
		if doc, err := src.Manifest(ctx, r.Ident()); err == nil {
			m, _ := doc.Manifest()
			for _, l := range m.Layers {
				dropBlob(ctx, src.Blob(l))
			}
		}
		cancel()
		_, _ = src.Manifest(ctx, r.Ident())
		require.NoError(t, src.Close())
	}
}

// dropBlob reads a little of a blob.
func dropBlob(ctx context.Context, b content.Blob) {
	if rc, err := b.Open(ctx); err == nil {
		_, _ = io.ReadFull(rc, make([]byte, 10))
		_ = rc.Close()
	}
}
