package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/archive"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// pack writes a tar of files, sorted, with prefix before each name. A content that starts with "-> " is a symbolic link.
func pack(t testing.TB, files map[string][]byte, prefix string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: prefix + name, Mode: 0o644, Size: int64(len(files[name]))}
		if target, ok := strings.CutPrefix(string(files[name]), "-> "); ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
			require.NoError(t, w.WriteHeader(h))
			continue
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write(files[name])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll(b, nil)
}

// inMemory is b as an opened file.
func inMemory(t testing.TB, b []byte) fsys.File {
	t.Helper()
	f, err := memfs.From(map[string][]byte{"f": b}).Open(t.Context(), "f")
	require.NoError(t, err)
	return f
}

// ociFiles is a layout that holds f.
func ociFiles(t testing.TB, f contenttest.Fixture) map[string][]byte {
	t.Helper()
	d := f.Root.Descriptor()
	d.Annotations = map[string]string{v1.AnnotationRefName: f.Tag}
	index, err := json.Marshal(v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{d}})
	require.NoError(t, err)
	files := f.Files()
	files["index.json"] = index
	files["oci-layout"] = []byte(`{"imageLayoutVersion":"1.0.0"}`)
	return files
}

// dockerImage is an image as docker save writes it, and the fixture that reading it gives. Its layers are stored as store
// leaves them.
func dockerImage(t testing.TB, store func([]byte) []byte, layerType string) (map[string][]byte, contenttest.Fixture) {
	t.Helper()
	f := contenttest.NewImage()
	f.Tag = "localhost:5000/fixture:v1"
	config := f.Blobs[0]
	files := map[string][]byte{config.Descriptor.Digest.Encoded() + ".json": config.Bytes}
	var layers, refs []string
	for i, l := range f.Blobs[1:] {
		f.Blobs[i+1] = contenttest.NewContent(layerType, store(l.Bytes))
		d := f.Blobs[i+1].Descriptor
		name := fmt.Sprintf("%d/layer.tar", i)
		layers, files[name] = append(layers, name), f.Blobs[i+1].Bytes
		refs = append(refs, fmt.Sprintf(`{"mediaType":%q,"size":%d,"digest":%q}`, layerType, d.Size, d.Digest))
	}
	for _, c := range f.Tampered {
		files["blobs/sha256/"+c.Descriptor.Digest.Encoded()] = c.Bytes
	}
	list, err := json.Marshal([]map[string]any{{"Config": config.Descriptor.Digest.Encoded() + ".json", "RepoTags": []string{f.Tag}, "Layers": layers}})
	require.NoError(t, err)
	files["manifest.json"] = list
	// The bytes and their order are those that skopeo inspect --raw prints, but for the layers' media type.
	f.Root = oci.Document{MediaType: oci.DockerManifest, Raw: fmt.Appendf(nil,
		`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"size":%d,"digest":%q},"layers":[%s]}`,
		oci.DockerManifest, oci.DockerConfig, config.Descriptor.Size, config.Descriptor.Digest, strings.Join(refs, ","))}
	return files, f
}

// forms are the ways in which the same archive comes.
func forms(t *testing.T, files map[string][]byte, test func(t *testing.T, b []byte, o archive.Options)) {
	plain := pack(t, files, "")
	for name, b := range map[string][]byte{
		"plain": plain, "dotted": pack(t, files, "./"), "rooted": pack(t, files, "/"), "no end blocks": plain[:len(plain)-1024],
		"gzip": gzipped(t, plain), "zstd": zstded(t, plain),
	} {
		for _, scratch := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/scratch=%v", name, scratch), func(t *testing.T) {
				o := archive.Options{Yield: func() {}}
				if scratch {
					space := memfs.New()
					o.Scratch = fsys.Fixed(space)
					t.Cleanup(func() {
						left, err := space.List(context.Background(), ".")
						require.NoError(t, err)
						require.Empty(t, left, "scratch is left clean")
					})
				}
				test(t, b, o)
			})
		}
	}
}

func TestOCISuite(t *testing.T) {
	f := contenttest.NewIndex()
	forms(t, ociFiles(t, f), func(t *testing.T, b []byte, o archive.Options) {
		contenttest.Source(t, func(t *testing.T) content.Source {
			s, err := archive.OpenOCI(t.Context(), inMemory(t, b), "oci-archive:x", o)
			require.NoError(t, err)
			return s
		}, f)
	})
}

func TestDockerSuite(t *testing.T) {
	for name, c := range map[string]struct {
		store     func([]byte) []byte
		layerType string
	}{
		"uncompressed": {func(b []byte) []byte { return b }, oci.DockerLayer},
		"gzip":         {func(b []byte) []byte { return gzipped(t, b) }, oci.DockerLayerGzip},
		"zstd":         {func(b []byte) []byte { return zstded(t, b) }, oci.DockerLayerZstd},
	} {
		t.Run(name, func(t *testing.T) {
			files, f := dockerImage(t, c.store, c.layerType)
			forms(t, files, func(t *testing.T, b []byte, o archive.Options) {
				contenttest.Source(t, func(t *testing.T) content.Source {
					s, err := archive.OpenDocker(t.Context(), inMemory(t, b), "docker-archive:x", o)
					require.NoError(t, err)
					return s
				}, f)
			})
		})
	}
}

func TestDirSuite(t *testing.T) {
	files := map[string][]byte{}
	for name, s := range fsystest.Files() {
		files[name] = []byte(s)
	}
	forms(t, files, func(t *testing.T, b []byte, o archive.Options) {
		d, err := archive.OpenDir(t.Context(), inMemory(t, b), "x", o)
		require.NoError(t, err)
		fsystest.Dir(t, d)
		require.NoError(t, d.Close())
	})
}

func TestLinks(t *testing.T) {
	d, err := archive.OpenDir(t.Context(), inMemory(t, pack(t, map[string][]byte{
		"a/file": []byte("content"), "b/link": []byte("-> ../a/file"), "c": []byte("-> b/link"),
		"up": []byte("-> ../../etc/passwd"), "abs": []byte("-> /a/file"), "loop": []byte("-> loop"), "dangling": []byte("-> nowhere"),
		"../outside": []byte("x"),
	}, "")), "x", archive.Options{})
	require.NoError(t, err)
	for _, name := range []string{"a/file", "b/link", "c"} {
		b, err := fsys.ReadFile(t.Context(), d, name, 100)
		require.NoError(t, err, name)
		require.Equal(t, "content", string(b), name)
	}
	for _, name := range []string{"up", "abs", "loop", "dangling", "../outside", "outside"} {
		_, err := d.Open(t.Context(), name)
		require.Error(t, err, name)
	}
}

func TestNotThisFormat(t *testing.T) {
	oneIndex := ociFiles(t, contenttest.NewImage())
	docker, _ := dockerImage(t, bytes.Clone, oci.DockerLayer)
	both := maps.Clone(docker)
	maps.Copy(both, oneIndex)
	whole := pack(t, docker, "")
	cases := []struct {
		name           string
		b              []byte
		openOCI        bool
		kind           errs.Kind
		says, hintSays string
	}{
		{"empty", nil, true, errs.Input, "x: is not a tar archive: it is too short", ""},
		{"text", []byte(strings.Repeat("hello", 1000)), true, errs.Input, "x: is not a tar archive: it starts with no tar header", ""},
		{"zeroes", make([]byte, 10240), true, errs.Input, "x: is not an OCI layout: has no index.json", ""},
		{"xz", []byte("\xfd7zXZ\x00aaaa"), true, errs.Unsupported, "x: is compressed with xz, which no image format allows", "decompress the archive first"},
		{"docker archive as OCI", whole, true, errs.Input, "x: is not an OCI archive: has no index.json", "docker save wrote it: read it with docker-archive:"},
		{"OCI archive as docker", pack(t, oneIndex, ""), false, errs.Input, "x: is not a docker save archive: has no manifest.json", "it is the tar of an OCI layout: read it with oci-archive:"},
		{"neither", pack(t, map[string][]byte{"README": nil}, ""), false, errs.Input, "x: is not a docker save archive: has neither manifest.json nor repositories", ""},
		{"docker 25 as OCI", pack(t, both, ""), true, "", "", ""},
		{"docker 25 as docker", pack(t, both, ""), false, "", "", ""},
		{"truncated", whole[:len(whole)/2], false, errs.Input, fmt.Sprintf("x: is truncated: the archive ends at byte %d within an entry", len(whole)/2), ""},
		{"truncated gzip", gzipped(t, whole)[:len(whole)/2], false, errs.Verification, "x: gzip data ends too early", ""},
		{"gzip of truncated", gzipped(t, whole[:len(whole)/2]), false, errs.Input, "x: is truncated: the decompressed archive ends ", ""},
		{"null", pack(t, map[string][]byte{"manifest.json": []byte("null")}, ""), false, errs.Input, "x: manifest.json: lists no image", ""},
	}
	for _, c := range cases {
		for _, o := range []archive.Options{{}, {Scratch: fsys.Fixed(memfs.New())}} {
			t.Run(fmt.Sprintf("%s/scratch=%v", c.name, o.Scratch != nil), func(t *testing.T) {
				var err error
				if c.openOCI {
					_, err = archive.OpenOCI(t.Context(), inMemory(t, c.b), "x", o)
				} else {
					_, err = archive.OpenDocker(t.Context(), inMemory(t, c.b), "x", o)
				}
				require.Equal(t, c.kind, errs.Of(err), "%v", err)
				if c.says != "" {
					require.ErrorContains(t, err, c.says)
				}
				require.Equal(t, c.hintSays, errs.HintOf(err))
			})
		}
	}
}
