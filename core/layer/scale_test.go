package layer_test

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/layer"
)

const (
	manyFiles = 110_000
	fileSize  = 10_000 // bytes; together more than 1 GiB
)

// generated is a large layer that is never stored.
type generated struct {
	desc  v1.Descriptor
	files int
	size  int
}

func (g generated) Descriptor() v1.Descriptor { return g.desc }

func (g generated) Open(context.Context) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(g.write(w)) }()
	return content.Verify(r, g.desc)
}

// write makes directories of 50 files with names as long as those of real packages.
func (g generated) write(w io.Writer) error {
	t := tar.NewWriter(w)
	body := make([]byte, g.size)
	for i := range g.files {
		h := tar.Header{Name: fmt.Sprintf("usr/lib/python3/dist-packages/pkg%d/module_number_%d.py", i/50, i), Mode: 0o644, Size: int64(g.size)}
		if i%50 == 0 {
			if err := t.WriteHeader(&tar.Header{Name: fmt.Sprintf("usr/lib/python3/dist-packages/pkg%d/", i/50), Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
				return err
			}
		}
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := t.Write(body); err != nil {
			return err
		}
	}
	return t.Close()
}

type sized struct{ n int64 }

func (s *sized) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }

func generate(t testing.TB, files, size int) generated {
	g := generated{files: files, size: size}
	h, n := sha256.New(), &sized{}
	require.NoError(t, g.write(io.MultiWriter(h, n)))
	g.desc = v1.Descriptor{Digest: digest.NewDigest(digest.SHA256, h), Size: n.n}
	return g
}

func addAll(t testing.TB, v *layer.View, b content.Blob) {
	r, err := layer.Open(context.Background(), b, layer.Options{})
	require.NoError(t, err)
	defer r.Close()
	for {
		e, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.NoError(t, v.Add(e))
	}
}

func mergeAll(t testing.TB, v *layer.View, b content.Blob) {
	addAll(t, v, b)
	_, err := v.EndLayer(keepOn)
	require.NoError(t, err)
}

func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemory reads 1 GiB in 110,000 files, as the lowest layer and again as an upper one.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Log("left out with -short: it reads 2 GiB")
		return
	}
	g := generate(t, manyFiles, fileSize)
	require.Greater(t, g.desc.Size, int64(1<<30))
	before := live()
	v := layer.NewView()
	mergeAll(t, v, g)
	tree := live() - before
	t.Logf("%d paths: %.1f MiB", manyFiles+manyFiles/50, float64(tree)/(1<<20))
	require.Less(t, tree, int64(25<<20))

	runtime.KeepAlive(v)

	v = layer.NewView()
	_, err := v.EndLayer(keepOn)
	require.NoError(t, err)
	addAll(t, v, g)
	peak, steps := live()-before, 0
	_, err = v.EndLayer(func() error {
		if steps++; steps%10_000 == 0 {
			peak = max(peak, live()-before)
		}
		return nil
	})
	require.NoError(t, err)
	t.Logf("as an upper layer: %.1f MiB at most", float64(peak)/(1<<20))
	require.Less(t, peak, int64(30<<20))
	runtime.KeepAlive(v)
}

func BenchmarkMerge(b *testing.B) {
	g := generate(b, 20_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		v := layer.NewView()
		mergeAll(b, v, g)
		mergeAll(b, v, g)
		_ = v.Walk(func() error { return nil }, func(layer.Name) bool { return true })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40_000, "ns/entry")
}
