package core_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// tarOf packs headers; Name and Linkname say what they are: "a/" is a folder, "a>b" a symbolic link, "a<b" a hard link,
// "a%" a FIFO, "a=text" a file.
func tarOf(t testing.TB, words ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, word := range words {
		h := tar.Header{Name: word, Mode: 0o644, ModTime: time.Unix(1e9, 0)}
		body := ""
		if i := strings.IndexAny(word, "=><%"); i >= 0 {
			h.Name = word[:i]
			switch rest := word[i+1:]; word[i] {
			case '=':
				body, h.Size = rest, int64(len(rest))
			case '>':
				h.Typeflag, h.Linkname = tar.TypeSymlink, rest
			case '<':
				h.Typeflag, h.Linkname = tar.TypeLink, rest
			case '%':
				h.Typeflag = tar.TypeFifo
			}
		}
		require.NoError(t, w.WriteHeader(&h))
		_, err := io.WriteString(w, body)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// layered adds an image of these layers under a tag; the media types are those given, or plain tar.
func (s *shelf) layered(t *testing.T, tag string, layers [][]byte, types ...string) {
	t.Helper()
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: s.blob(v1.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64"}`)), Layers: []v1.Descriptor{}}
	m.SchemaVersion = 2
	for i, l := range layers {
		mt := v1.MediaTypeImageLayer
		if i < len(types) {
			mt = types[i]
		}
		m.Layers = append(m.Layers, s.blob(mt, l))
	}
	s.doc(t, v1.MediaTypeImageManifest, m, tag)
}

func filesOf(t *testing.T, env *core.Env, in core.FilesIn) ([]core.FileItem, error) {
	t.Helper()
	out := []core.FileItem{}
	for it, err := range core.Files(t.Context(), env, in) {
		if err != nil {
			return out, err
		}
		out = append(out, it)
	}
	return out, nil
}

// paths are the paths with a sign for their type.
func paths(items []core.FileItem) string {
	var out []string
	for _, it := range items {
		s := it.Path
		switch it.Type {
		case "dir":
			s += "/"
		case "symlink", "hardlink":
			s += ">" + it.LinkTarget
		case "whiteout", "opaque":
			s = it.Type + ":" + s
		}
		if it.HardlinkOf != "" {
			s += "<" + it.HardlinkOf
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestFiles(t *testing.T) {
	s := newShelf()
	s.layered(t, "x", [][]byte{
		tarOf(t, "./", "./etc/", "etc/a=1", "etc/b=2", "etc/sub/", "etc/sub/a=3", "old/", "old/x=4", "l>etc", "hl<etc/a"),
		tarOf(t, "etc/.wh.b=", "old/.wh..wh..opq=", "etc/a=new", "a\xff\xfeb=5", "s>\xff/x"),
	})
	for _, c := range []struct {
		globs []string
		want  string
	}{
		{nil, "// /a\uFFFDb /etc/ /etc/a /etc/sub/ /etc/sub/a /hl /l>etc /old/ /s>\uFFFD/x"},
		{[]string{"/etc/*"}, "/etc/a /etc/sub/"},
		{[]string{"etc/*"}, "/etc/a /etc/sub/"},
		{[]string{"/etc/**"}, "/etc/ /etc/a /etc/sub/ /etc/sub/a"},
		{[]string{"/etc"}, "/etc/ /etc/a /etc/sub/ /etc/sub/a"},
		{[]string{"a"}, "/etc/a /etc/sub/a"},
		{[]string{"**/a", "l"}, "/etc/a /etc/sub/a /l>etc"},
		{[]string{"nothing"}, ""},
		{[]string{"[a-f]l"}, ""},
		{[]string{"[a-l]l"}, "/hl"},
	} {
		got, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x", Globs: c.globs})
		require.NoError(t, err)
		require.Equal(t, c.want, paths(got), "%q", c.globs)
	}
	all, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x"})
	require.NoError(t, err)
	exact, err := base64.StdEncoding.DecodeString(all[1].PathBase64)
	require.NoError(t, err)
	require.Equal(t, "/a\xff\xfeb", string(exact))
	exact, err = base64.StdEncoding.DecodeString(all[9].LinkBase64)
	require.NoError(t, err)
	require.Equal(t, "\xff/x", string(exact))
	require.Equal(t, core.FileItem{Path: "/etc/a", Type: "file", Mode: "0644", Size: 3, MTime: "2001-09-09T01:46:40Z", Xattrs: []string{}, Layer: 1}, all[3])

	one := 1
	got, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x", Layer: &one})
	require.NoError(t, err)
	require.Equal(t, "whiteout:/etc/b opaque:/old /etc/a /a\uFFFDb /s>\uFFFD/x", paths(got))
	got, err = filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x", Layer: &one, Globs: []string{"/etc/**"}})
	require.NoError(t, err)
	require.Equal(t, "whiteout:/etc/b /etc/a", paths(got))
	for _, bad := range []int{-1, 2} {
		_, err = filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x", Layer: &bad})
		require.Equal(t, errs.NotFound, errs.Of(err))
		require.ErrorContains(t, err, fmt.Sprint("oci:x:x: has no layer ", bad))
	}
	for _, bad := range []string{"", "[", "a/[b", `\`} {
		_, err = filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x", Globs: []string{bad}})
		require.Equal(t, errs.Input, errs.Of(err), bad)
	}
}

func TestImagesWithoutFiles(t *testing.T) {
	s := newShelf()
	s.layered(t, "empty", nil)
	s.layered(t, "hollow", [][]byte{tarOf(t)})
	s.layered(t, "nothing", [][]byte{{}})
	s.layered(t, "page", [][]byte{[]byte("<html>")}, "text/html")
	s.doc(t, v1.MediaTypeImageManifest, v1.Manifest{MediaType: v1.MediaTypeImageManifest, Config: s.blob(v1.MediaTypeImageConfig, nil)}, "no-config")
	for _, tag := range []string{"empty", "hollow", "nothing"} {
		got, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:" + tag})
		require.NoError(t, err, tag)
		require.Empty(t, got, tag)
		_, err = core.Cat(t.Context(), s.env(nil), core.CatIn{Ref: "oci:x:" + tag, Path: "/a"})
		require.Equal(t, errs.NotFound, errs.Of(err), tag)
	}
	out, err := core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "oci:x:empty"})
	require.NoError(t, err)
	require.Equal(t, "image", out.Kind)
	require.Equal(t, []core.LayerInfo{}, out.Image.Layers)
	_, err = filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:page"})
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.ErrorContains(t, err, "layer 0 has the media type text/html, which is no file system layer")
	_, err = core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "oci:x:no-config"})
	require.Equal(t, errs.Input, errs.Of(err), "a config of no bytes: %v", err)
	require.ErrorContains(t, err, "oci:x:no-config: config sha256:")
}

func TestTooManyLayers(t *testing.T) {
	s := newShelf()
	s.layered(t, "tall", make([][]byte, 1025))
	for _, err := range []error{
		func() error { _, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:tall"}); return err }(),
		func() error {
			_, err := core.Cat(t.Context(), s.env(nil), core.CatIn{Ref: "oci:x:tall", Path: "/a"})
			return err
		}(),
	} {
		require.Equal(t, errs.Input, errs.Of(err))
		require.EqualError(t, err, "oci:x:tall: has 1025 layers, more than 1024")
	}
	out, err := core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "oci:x:tall"})
	require.NoError(t, err, "it can still be looked at")
	require.Len(t, out.Image.Layers, 1025)
}

// TestMediaTypesThatLie: the content decides.
func TestMediaTypesThatLie(t *testing.T) {
	plain := tarOf(t, "a=1")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err := w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	for name, b := range map[string][]byte{"plain": plain, "gzip": z.Bytes(), "zstd": enc.EncodeAll(plain, nil)} {
		for _, mt := range []string{v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd, oci.DockerLayer, oci.DockerLayerGzip, oci.DockerLayerZstd, oci.DockerForeignLayer} {
			s := newShelf()
			s.layered(t, "x", [][]byte{b}, mt)
			got, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:x"})
			require.NoError(t, err, "%s as %s", name, mt)
			require.Equal(t, "/a", paths(got), "%s as %s", name, mt)
		}
	}
	s := newShelf()
	s.layered(t, "xz", [][]byte{[]byte("\xfd7zXZ\x00\x00\x04")}, v1.MediaTypeImageLayerGzip)
	_, err = filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:xz"})
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.ErrorContains(t, err, "oci:x:xz: layer sha256:")
}

func TestCat(t *testing.T) {
	s := newShelf()
	s.layered(t, "x", [][]byte{
		tarOf(t, "etc/", "etc/passwd=root", "a=old", "hl<a", "rel>etc/passwd", "abs>/etc/passwd", "out>../../../../etc/passwd", "d/", "d/up>../a",
			"loop>pool", "pool>loop", "gone>nowhere", "fifo%", "lost<nothing", "dir>etc", "\xff=bytes", "late<z", "z=last"),
		tarOf(t, "a=new", ".wh.gone2="),
	})
	one, zero := 1, 0
	for _, c := range []struct {
		path     string
		layer    *int
		want, at string
		from     int
	}{
		{"/etc/passwd", nil, "root", "/etc/passwd", 0},
		{"etc/./passwd", nil, "root", "/etc/passwd", 0},
		{"rel", nil, "root", "/etc/passwd", 0},
		{"/abs", nil, "root", "/etc/passwd", 0},
		{"/out", nil, "root", "/etc/passwd", 0},
		{"/dir/passwd", nil, "root", "/etc/passwd", 0},
		{"/dir/../a", nil, "new", "/a", 1},
		{"d/up", nil, "new", "/a", 1},
		{"a", nil, "new", "/a", 1},
		{"hl", nil, "old", "/hl", 0}, // the layer above has rewritten its target
		{"late", nil, "last", "/late", 0},
		{"../../a", nil, "new", "/a", 1},
		{"a", &zero, "old", "/a", 0},
		{"a", &one, "new", "/a", 1},
	} {
		var b bytes.Buffer
		out, err := core.Cat(t.Context(), s.env(&b), core.CatIn{Ref: "oci:x:x", Path: c.path, Layer: c.layer})
		require.NoError(t, err, c.path)
		require.Equal(t, c.want, b.String(), c.path)
		require.Equal(t, core.CatOut{Path: c.path, Resolved: c.at, Size: int64(len(c.want)), Digest: digest.FromString(c.want), Layer: c.from}, out)
	}
	var b bytes.Buffer
	_, err := core.Cat(t.Context(), s.env(&b), core.CatIn{Ref: "oci:x:x", PathBase64: base64.StdEncoding.EncodeToString([]byte("/\xff"))})
	require.NoError(t, err)
	require.Equal(t, "bytes", b.String())
	for _, c := range []struct {
		in   core.CatIn
		kind errs.Kind
		says string
	}{
		{core.CatIn{Path: "/nope"}, errs.NotFound, "no such file in the image"},
		{core.CatIn{Path: "/etc/passwd/x"}, errs.NotFound, "not a directory"},
		{core.CatIn{Path: "/gone"}, errs.NotFound, "no such file in the image"},
		{core.CatIn{Path: "/loop"}, errs.Input, "symbolic links"},
		{core.CatIn{Path: "/etc"}, errs.Input, "/etc is a directory"},
		{core.CatIn{Path: "/"}, errs.Input, "/ is a directory"},
		{core.CatIn{Path: "/fifo"}, errs.Unsupported, "/fifo is a fifo and has no content"},
		{core.CatIn{Path: "/lost"}, errs.NotFound, "/lost is a hard link to /nothing, which does not exist"},
		{core.CatIn{Path: "/etc/passwd", Layer: &one}, errs.NotFound, "no such file"},
		{core.CatIn{Path: ""}, errs.Input, "is empty"},
		{core.CatIn{Path: "a\x00b"}, errs.Input, "NUL"},
		{core.CatIn{PathBase64: "%"}, errs.Input, "base 64"},
		{core.CatIn{PathBase64: "YQ==", Path: "a"}, errs.Input, "only path"},
	} {
		c.in.Ref = "oci:x:x"
		_, err := core.Cat(t.Context(), s.env(nil), c.in)
		require.Equal(t, c.kind, errs.Of(err), "%+v: %v", c.in, err)
		require.ErrorContains(t, err, "oci:x:x: ")
		require.ErrorContains(t, err, c.says)
	}
}

// TestBrokenLayers: an error names image, layer and entry, and nothing is written that is not whole.
func TestBrokenLayers(t *testing.T) {
	s := newShelf()
	whole := tarOf(t, "a=1", "b="+strings.Repeat("x", 10_000))
	s.layered(t, "cut", [][]byte{whole[:5000]})
	s.layered(t, "text", [][]byte{[]byte(strings.Repeat("no tar ", 200))})
	s.layered(t, "changed", [][]byte{whole})
	m, err := s.docs["changed"].Manifest()
	require.NoError(t, err)
	flipped := bytes.Clone(whole)
	flipped[3000] ^= 1
	s.blobs[m.Layers[0].Digest] = flipped
	for tag, c := range map[string]struct {
		kind errs.Kind
		says string
	}{
		"cut": {errs.Verification, "is cut off in entry 1 or right after it"}, "text": {errs.Input, "is not a tar archive"}, "changed": {errs.Verification, "content has the digest"},
	} {
		_, err := filesOf(t, s.env(nil), core.FilesIn{Ref: "oci:x:" + tag})
		require.Equal(t, c.kind, errs.Of(err), "%s: %v", tag, err)
		require.ErrorContains(t, err, "oci:x:"+tag+": layer sha256:")
		require.ErrorContains(t, err, c.says)
	}
	var b bytes.Buffer
	_, err = core.Cat(t.Context(), s.env(&b), core.CatIn{Ref: "oci:x:changed", Path: "/b"})
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Empty(t, b.String(), "the view is made, and so verified, before anything is written")
}

func TestFilesCanBeStopped(t *testing.T) {
	s := newShelf()
	s.layered(t, "x", [][]byte{tarOf(t, "a=1", "b<nope", "c=3")})
	env := s.env(nil)
	var warned []string
	env.Event = func(e event.Event) {
		if e.Kind == event.Warning {
			warned = append(warned, e.Message)
		}
	}
	for it, err := range core.Files(t.Context(), env, core.FilesIn{Ref: "oci:x:x"}) {
		require.NoError(t, err)
		require.Equal(t, "/a", it.Path)
		break
	}
	require.Equal(t, []string{"layer 0: /b is a hard link to /nope, which does not exist"}, warned)
	zero := 0
	for it, err := range core.Files(t.Context(), env, core.FilesIn{Ref: "oci:x:x", Layer: &zero}) {
		require.NoError(t, err)
		require.Equal(t, "/a", it.Path)
		break
	}
}

// TestSizesThatOverflow: what a manifest claims adds up to something that is not negative.
func TestSizesThatOverflow(t *testing.T) {
	s := newShelf()
	d := s.image(t, "linux/amd64", v1.Image{}, "x")
	m, err := s.docs["x"].Manifest()
	require.NoError(t, err)
	m.Layers = []v1.Descriptor{{MediaType: v1.MediaTypeImageLayer, Digest: d.Digest, Size: 1<<63 - 1}, {MediaType: v1.MediaTypeImageLayer, Digest: d.Digest, Size: 1<<63 - 1}}
	s.doc(t, v1.MediaTypeImageManifest, m, "huge")
	out, err := core.Inspect(t.Context(), s.env(nil), core.InspectIn{Ref: "oci:x:huge"})
	require.NoError(t, err)
	require.Equal(t, int64(1<<63-1), out.Image.TotalSize)
}

// TestAnOutputThatFailsIsAborted, so that no half of a file stays under its name.
func TestAnOutputThatFailsIsAborted(t *testing.T) {
	s := newShelf()
	s.layered(t, "x", [][]byte{tarOf(t, "a=1")})
	env, aborted := s.env(nil), error(nil)
	env.Output = func(context.Context, string) (io.WriteCloser, error) { return full{&aborted}, nil }
	_, err := core.Cat(t.Context(), env, core.CatIn{Ref: "oci:x:x", Path: "/a"})
	require.ErrorIs(t, err, errDisk)
	require.ErrorIs(t, aborted, errDisk)
}

var errDisk = errors.New("the disk is full")

type full struct{ aborted *error }

func (full) Write([]byte) (int, error) { return 0, errDisk }
func (full) Close() error              { return nil }
func (f full) Abort(err error)         { *f.aborted = err }
