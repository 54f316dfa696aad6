package tests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// generated is an image of about 1 GiB whose layers are made while they are read, so that it needs no disk.
type generated struct {
	doc    oci.Document
	config []byte
	layers map[digest.Digest]generator
}

type generator struct {
	desc  v1.Descriptor
	write func(io.Writer) error
}

const (
	bigLayers     = 4
	smallPerLayer = 10_000
	largePerLayer = 8
	largeSize     = 32 << 20 // bytes
)

func generate(t *testing.T) *generated {
	t.Helper()
	g := &generated{layers: map[digest.Digest]generator{}}
	cfg := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers"}}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	for i := range bigLayers {
		write := func(w io.Writer) error { return bigLayer(w, i) }
		mt := v1.MediaTypeImageLayer
		if i == 0 {
			mt = v1.MediaTypeImageLayerGzip
			plain := write
			write = func(w io.Writer) error {
				z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
				if err != nil {
					return err
				}
				if err := plain(z); err != nil {
					return err
				}
				return z.Close()
			}
		}
		h := sha256.New()
		var n counting
		require.NoError(t, write(io.MultiWriter(h, &n)))
		d := v1.Descriptor{MediaType: mt, Digest: digest.NewDigest(digest.SHA256, h), Size: int64(n)}
		g.layers[d.Digest] = generator{d, write}
		m.Layers = append(m.Layers, d)
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, d.Digest)
	}
	g.config = encode(t, cfg)
	m.Config = v1.Descriptor{MediaType: v1.MediaTypeImageConfig, Digest: digest.FromBytes(g.config), Size: int64(len(g.config))}
	g.doc = oci.Document{MediaType: m.MediaType, Raw: encode(t, m)}
	return g
}

type counting int64

func (c *counting) Write(p []byte) (int, error) { *c += counting(len(p)); return len(p), nil }

// bigLayer writes many small files in folders and some large ones.
func bigLayer(w io.Writer, layer int) error {
	t := tar.NewWriter(w)
	for i := range smallPerLayer {
		body := fmt.Sprintf("small file %d of layer %d\n", i, layer)
		name := fmt.Sprintf("srv/layer-%d/folder-%02d/a-file-with-quite-a-long-name-%05d.txt", layer, i%100, i)
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			return err
		}
		if _, err := io.WriteString(t, body); err != nil {
			return err
		}
	}
	pattern := bytes.Repeat([]byte(fmt.Sprintf("layer %d says: the quick brown fox. ", layer)), 1<<15)[:1<<20]
	for i := range largePerLayer {
		if err := t.WriteHeader(&tar.Header{Name: fmt.Sprintf("srv/large-%d-%d", layer, i), Mode: 0o644, Size: largeSize}); err != nil {
			return err
		}
		for range largeSize / len(pattern) {
			if _, err := t.Write(pattern); err != nil {
				return err
			}
		}
	}
	return t.Close()
}

func (g *generated) Manifest(context.Context, string) (oci.Document, error) { return g.doc, nil }
func (g *generated) Close() error                                           { return nil }

func (g *generated) StatBlob(_ context.Context, d digest.Digest) (v1.Descriptor, error) {
	if l, ok := g.layers[d]; ok {
		return l.desc, nil
	}
	if d == digest.FromBytes(g.config) {
		return v1.Descriptor{Digest: d, Size: int64(len(g.config))}, nil
	}
	return v1.Descriptor{}, errs.New(errs.NotFound, d.String(), "no such blob")
}

func (g *generated) Blob(d v1.Descriptor) content.Blob { return generatedBlob{g, d} }

type generatedBlob struct {
	g *generated
	d v1.Descriptor
}

func (b generatedBlob) Descriptor() v1.Descriptor { return b.d }

func (b generatedBlob) Open(context.Context) (io.ReadCloser, error) {
	l, ok := b.g.layers[b.d.Digest]
	if !ok {
		return io.NopCloser(bytes.NewReader(b.g.config)), nil
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w)) }()
	return r, nil
}

// memoryLimit is what files and cat may use at most, in bytes, for an image of any size.
const memoryLimit = 64 << 20

// TestMemory lists and reads a 1 GiB image natively and in wazero.
func TestMemory(t *testing.T) {
	t.Parallel()
	g := generate(t)
	srv := httptest.NewServer(nethttp.Handler(serve.New(serve.Options{Source: g})))
	defer srv.Close()
	image := strings.TrimPrefix(srv.URL, "http://") + "/big:latest"
	last := fmt.Sprintf("/srv/large-%d-%d", bigLayers-1, largePerLayer-1)
	t.Run("native", func(t *testing.T) {
		bin := artifact(t, "stevedore")
		out, rss := peak(t, bin, "files", image)
		require.Equal(t, bigLayers*(smallPerLayer+largePerLayer+101)+1, strings.Count(out, "\n"))
		require.Less(t, rss, int64(memoryLimit))
		t.Logf("files: %d MiB", rss>>20)
		out, rss = peak(t, bin, "cat", "--json", "--output", t.TempDir()+"/out", image, last)
		require.Contains(t, out, fmt.Sprintf(`"size":%d`, largeSize))
		require.Less(t, rss, int64(memoryLimit))
		t.Logf("cat: %d MiB", rss>>20)
	})
	t.Run("wazero", func(t *testing.T) {
		wasm, err := os.ReadFile(artifact(t, "stevedore.wasm"))
		require.NoError(t, err)
		h, err := host.New(t.Context(), wasm, host.Options{Fetcher: nethttp.New(nethttp.Options{}), MemoryLimit: memoryLimit, CacheDir: compiled})
		require.NoError(t, err)
		defer h.Close(context.WithoutCancel(t.Context()))
		items := 0
		_, err = h.Call(t.Context(), "files", encode(t, map[string]string{"ref": image}), host.Sinks{Item: func([]byte) error { items++; return nil }})
		require.NoError(t, err)
		require.Equal(t, bigLayers*(smallPerLayer+largePerLayer+101)+1, items)
		var n counting
		doc, err := h.Call(t.Context(), "cat", encode(t, map[string]string{"ref": image, "path": last}), host.Sinks{
			Output: func(string) (io.WriteCloser, error) { return nopCloser{&n}, nil },
		})
		require.NoError(t, err)
		var out struct{ Size int64 }
		require.NoError(t, json.Unmarshal(doc, &out))
		require.EqualValues(t, largeSize, out.Size)
		require.EqualValues(t, largeSize, n)
	})
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// rusage is the argument that makes this test binary run another program and tell on descriptor 3 what it took: the kernel counts the
// memory of whoever starts a process into that process's peak, and here that would be all the tests before.
const rusage = "-rusage"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == rusage {
		os.Exit(measured(os.Args[2], os.Args[3:]))
	}
	os.Exit(run(m))
}

// compiled is a folder of modules that wazero has compiled: a dozen tests take the same three, and each takes some ten seconds.
var compiled string

func run(m *testing.M) int {
	var err error
	if compiled, err = os.MkdirTemp("", "stevedore-compiled-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(compiled)
	return m.Run()
}

// runtimeConfig is for runtimes that share what they have compiled.
func runtimeConfig(t *testing.T) wazero.RuntimeConfig {
	t.Helper()
	cache, err := wazero.NewCompilationCacheWithDir(compiled)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cache.Close(context.WithoutCancel(t.Context())) })
	return wazero.NewRuntimeConfig().WithCompilationCache(cache)
}

func measured(name string, args []string) int {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// Rusage has Maxrss, in KiB, where there is one; this file has to compile elsewhere too.
	if rss := reflect.Indirect(reflect.ValueOf(cmd.ProcessState.SysUsage())).FieldByName("Maxrss"); rss.IsValid() {
		fmt.Fprintln(os.NewFile(3, "usage"), rss.Int()<<10)
	}
	return cmd.ProcessState.ExitCode()
}

// peak runs a program and returns what it printed and its largest resident set in bytes.
func peak(t *testing.T, name string, args ...string) (string, int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	stdout, stderr, rss := measure(t, cmd)
	require.Zero(t, cmd.ProcessState.ExitCode(), stderr)
	return stdout, rss
}

// measure runs a command, whatever its exit status, and returns what it printed and its largest resident set in bytes.
func measure(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, rss int64) {
	t.Helper()
	usage, theirs, err := os.Pipe()
	require.NoError(t, err)
	defer usage.Close()
	var out, errors bytes.Buffer
	cmd.Args = append([]string{os.Args[0], rusage}, cmd.Args...)
	cmd.Path, err = os.Executable()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &out, &errors, []*os.File{theirs}
	if err := cmd.Run(); err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	require.NoError(t, theirs.Close())
	_, err = fmt.Fscan(usage, &rss)
	require.NoError(t, err, "this platform tells no peak memory")
	return out.String(), errors.String(), rss
}
