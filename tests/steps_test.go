package tests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// oneLayer makes a layout folder whose image "big" has one gzip layer, which holds one file of so many bytes.
func oneLayer(t *testing.T, size int64, content io.Reader) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755))
	add := func(mediaType string, content []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
		write(t, filepath.Join(dir, "blobs", "sha256", d.Digest.Encoded()), content)
		return d
	}
	var layer bytes.Buffer
	z := gzip.NewWriter(&layer)
	w := tar.NewWriter(z)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "large", Mode: 0o644, Size: size}))
	_, err := io.CopyN(w, content, size)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("of the plain layer")}}}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	m.Config = add(v1.MediaTypeImageConfig, encode(t, config))
	m.Layers = []v1.Descriptor{add(v1.MediaTypeImageLayerGzip, layer.Bytes())}
	top := add(m.MediaType, encode(t, m))
	top.Annotations = map[string]string{v1.AnnotationRefName: "big"}
	write(t, filepath.Join(dir, "index.json"), encode(t, v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{top}}))
	write(t, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return dir
}

// noise does not compress; zeros do, a thousandfold.
func noise() io.Reader { return rand.NewChaCha8([32]byte{}) }

// metered is a folder that counts the bytes that are read from it.
type metered struct {
	fs.FS
	read *int64
}

func (m metered) Open(name string) (fs.File, error) {
	f, err := m.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return f, err
	}
	return meteredFile{f, m.read}, nil
}

type meteredFile struct {
	fs.File
	read *int64
}

func (f meteredFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	*f.read += int64(n)
	return n, err
}

func (f meteredFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.(io.ReaderAt).ReadAt(p, off)
	*f.read += int64(n)
	return n, err
}

func (f meteredFile) Seek(off int64, whence int) (int64, error) {
	return f.File.(io.Seeker).Seek(off, whence)
}

// answer is a host that has nothing but the directories of the module. It reports whether the call has ended.
func (in *instance) answer(f received) (ended bool) {
	in.t.Helper()
	switch f.Type {
	case frame.Open:
		in.push(frame.Header{Type: frame.Fault, ID: f.ID, Kind: "not_found", Text: "no such input"})
	case frame.Output:
		if !f.EOF {
			in.push(frame.Header{Type: frame.Ready, Call: f.Call, Stream: f.Stream})
		}
	case frame.Error:
		require.NotZero(in.t, f.Call, f.Text)
		return true
	case frame.Result:
		return true
	}
	return false
}

// maxPerStep is the most content of one step, in bytes, where the host's clock stands still. Go's inflate and SHA-256 do
// 50 MB/s and more in any WebAssembly engine that compiles, so this is well below 50 ms.
const maxPerStep = 17 * 64 << 10

// TestSteps decompresses a large layer in small steps, whether the clock goes or not.
func TestSteps(t *testing.T) {
	m := compile(t, artifact(t, "stevedore.wasm"), 64)
	const size = 64 << 20
	for name, content := range map[string]io.Reader{"noise": noise(), "zeros": zeros{}} {
		dir := oneLayer(t, size, content)
		for _, frozen := range []bool{true, false} {
			var read, most int64
			in := m.start(t, frozen, wazero.NewFSConfig().WithFSMount(metered{os.DirFS(dir), &read}, "/images"))
			in.call(1, "files", map[string]string{"ref": "oci:/images:big"})
			steps := 0
			for ended := false; !ended; steps++ {
				before := read
				in.step()
				most = max(most, read-before)
				for _, f := range in.pullAll() {
					require.NotEqual(t, frame.Error, f.Type, f.Text)
					ended = in.answer(f) || ended
				}
			}
			t.Logf("%s, clock frozen %v: %d MiB in %d steps, the longest %v", name, frozen, size>>20, steps, in.longest)
			if frozen {
				require.LessOrEqual(t, most, int64(maxPerStep), name)
				require.GreaterOrEqual(t, steps, size/maxPerStep, name)
			}
			require.Greater(t, steps, 2)
		}
	}
}

// TestCancelSteps cancels verbs in the middle of their work.
func TestCancelSteps(t *testing.T) {
	m := compile(t, artifact(t, "stevedore.wasm"), 64)
	dir := oneLayer(t, 32<<20, noise())
	blob := ""
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if info, err := d.Info(); err == nil && info.Size() > 1<<20 {
			blob = filepath.Base(p)
		}
		return err
	}))
	for _, c := range []struct {
		verb    string
		request map[string]any
	}{
		{"files", map[string]any{"ref": "oci:/images:big"}},
		{"files", map[string]any{"ref": "oci:/images:big", "layer": 0}},
		{"cat", map[string]any{"ref": "oci:/images:big", "path": "/large"}},
		{"digest", map[string]any{"file": "/images/blobs/sha256/" + blob}},
	} {
		for _, after := range []int{0, 1, 5, 15} {
			in := m.start(t, true, wazero.NewFSConfig().WithFSMount(os.DirFS(dir), "/images"))
			in.call(1, c.verb, c.request)
			for range after {
				in.step()
				for _, f := range in.pullAll() {
					require.False(t, in.answer(f), "%s ended too soon", c.verb)
				}
			}
			in.push(frame.Header{Type: frame.Cancel, Call: 1})
			var last received
			for range 2 {
				in.step()
				for _, f := range in.pullAll() {
					last = f
				}
			}
			require.Equal(t, frame.Error, last.Type, "%s cancelled after %d steps", c.verb, after)
			require.Equal(t, "cancelled", last.Kind)
			require.Equal(t, done, in.step())
		}
	}
}
