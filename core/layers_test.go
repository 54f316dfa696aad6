package core_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

const harbor = "oci:../testdata/harbor:amd64"

func fileEnv(out *bytes.Buffer) *core.Env {
	mux := transport.New(transport.Options{Files: osfs.Host{}})
	return &core.Env{Source: mux.Open, Clock: clock.System{}, Output: func(context.Context, string) (io.WriteCloser, error) {
		return nopCloser{out}, nil
	}}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func collectFiles(t *testing.T, in core.FilesIn) []core.FileItem {
	t.Helper()
	var all []core.FileItem
	for f, err := range core.Files(t.Context(), fileEnv(nil), in) {
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

// What the layers are said to do has to add up to what files then finds.
func TestLayersAddUp(t *testing.T) {
	var entries, files []core.FileItem
	var stats []core.LayerItem
	for it, err := range core.Layers(t.Context(), fileEnv(nil), core.LayersIn{Ref: harbor, Entries: true, Files: true}) {
		require.NoError(t, err)
		switch {
		case it.Layer != nil:
			stats = append(stats, *it.Layer)
			require.Equal(t, collectFiles(t, core.FilesIn{Ref: harbor, Layer: &it.Layer.Index}), entries)
			require.Len(t, entries, it.Layer.Entries)
			entries = nil
		case it.Entry != nil:
			require.Empty(t, files, "entries come before the merged files")
			entries = append(entries, *it.Entry)
		default:
			files = append(files, *it.File)
		}
	}
	require.Len(t, stats, 4)
	require.Equal(t, collectFiles(t, core.FilesIn{Ref: harbor}), files)
	var names, bytes int64
	for _, s := range stats {
		names += int64(s.Added.Files - s.Hidden.Files)
		bytes += s.Added.Bytes + s.Changed.Bytes - s.Replaced - s.Hidden.Bytes
	}
	for _, f := range files {
		if f.Type != "dir" {
			names--
		}
		if f.HardlinkOf == "" {
			bytes -= f.Size
		}
	}
	require.Zero(t, names)
	require.Zero(t, bytes)
	require.Positive(t, stats[2].Hidden.Files)
	require.Positive(t, stats[2].Changed.Files)
}

func TestLayersAlone(t *testing.T) {
	var n int
	for it, err := range core.Layers(t.Context(), fileEnv(nil), core.LayersIn{Ref: harbor}) {
		require.NoError(t, err)
		require.NotNil(t, it.Layer)
		require.Equal(t, n, it.Layer.Index)
		require.NotEmpty(t, it.Layer.CreatedBy)
		n++
	}
	require.Equal(t, 4, n)
}

// Where a layer is broken, the merged files are those of the layers below it, as merging these alone gives them.
func TestLayersBelowABrokenOne(t *testing.T) {
	for at := range 4 {
		dir := filepath.Join(t.TempDir(), "harbor")
		require.NoError(t, os.CopyFS(dir, os.DirFS("../testdata/harbor")))
		infos := imageLayers(t)
		blob := func(i int) string { return filepath.Join(dir, "blobs", "sha256", infos[i].Digest.Encoded()) }
		var want []string
		view := layer.NewView()
		for i := range at {
			b, err := os.ReadFile(blob(i))
			require.NoError(t, err)
			addLayer(t, view, b)
		}
		require.True(t, view.Whole())
		require.NoError(t, view.Walk(func() error { return nil }, func(n layer.Name) bool {
			want = append(want, fmt.Sprintf("%s %d %d", n.Path, n.Inode.Size, n.Layer))
			return true
		}))
		b, err := os.ReadFile(blob(at))
		require.NoError(t, err)
		b[len(b)/2] ^= 1
		require.NoError(t, os.WriteFile(blob(at), b, 0o600))

		var got []string
		for it, err := range core.Layers(t.Context(), fileEnv(nil), core.LayersIn{Ref: "oci:" + dir + ":amd64", Files: true}) {
			if err != nil {
				require.Contains(t, []errs.Kind{errs.Input, errs.Verification}, errs.Of(err), "a compressed layer may break before its digest is known")
				require.ErrorContains(t, err, infos[at].Digest.String())
				break
			}
			if f := it.File; f != nil {
				got = append(got, fmt.Sprintf("%s %d %d", f.Path, f.Size, f.Layer))
			}
		}
		require.Equal(t, want, got, "layer %d is broken", at)
		require.Equal(t, at > 0, len(got) > 0)
	}
}

// imageLayers is what is said of the layers of the bundled image.
func imageLayers(t *testing.T) []core.LayerItem {
	t.Helper()
	var all []core.LayerItem
	for it, err := range core.Layers(t.Context(), fileEnv(nil), core.LayersIn{Ref: harbor}) {
		require.NoError(t, err)
		all = append(all, *it.Layer)
	}
	return all
}

func addLayer(t *testing.T, view *layer.View, blob []byte) {
	t.Helper()
	r, err := layer.Open(t.Context(), blobOf(blob), layer.Options{})
	require.NoError(t, err)
	for e, err := r.Next(); err != io.EOF; e, err = r.Next() {
		require.NoError(t, err)
		require.NoError(t, view.Add(e))
	}
	_, err = view.EndLayer(func() error { return nil })
	require.NoError(t, err)
}

// An exported archive is a layer whose files are those that were merged.
func TestExport(t *testing.T) {
	var tarball, again bytes.Buffer
	out, err := core.Export(t.Context(), fileEnv(&tarball), core.ExportIn{Ref: harbor})
	require.NoError(t, err)
	require.Equal(t, int64(tarball.Len()), out.Size)
	require.Equal(t, digest.FromBytes(tarball.Bytes()), out.Digest)
	_, err = core.Export(t.Context(), fileEnv(&again), core.ExportIn{Ref: harbor})
	require.NoError(t, err)
	require.Equal(t, tarball.Bytes(), again.Bytes())

	want := map[string]core.FileItem{}
	for _, f := range collectFiles(t, core.FilesIn{Ref: harbor}) {
		want[f.Path] = f
	}
	view := layer.NewView()
	addLayer(t, view, tarball.Bytes())
	got := 0
	err = view.Walk(func() error { return nil }, func(n layer.Name) bool {
		f, ok := want[n.Path]
		require.True(t, ok, n.Path)
		got++
		require.Equal(t, []any{f.Type, f.Size, f.UID, f.GID, f.HardlinkOf, len(f.Xattrs)},
			[]any{n.Inode.Type.String(), n.Inode.Size, n.Inode.UID, n.Inode.GID, n.First, len(n.Inode.Xattrs())}, n.Path)
		require.Equal(t, f.MTime, n.Inode.MTime().Format("2006-01-02T15:04:05.999999999Z07:00"), n.Path)
		return true
	})
	require.NoError(t, err)
	require.Equal(t, len(want), got)
}

func TestExportOfAFolderAndOfALayer(t *testing.T) {
	zero := 0
	for _, c := range []struct {
		in   core.ExportIn
		has  string
		only string
	}{
		{core.ExportIn{Ref: harbor, Path: "/etc"}, "etc/passwd", "etc/"},
		{core.ExportIn{Ref: harbor, Path: "opt/app/run.sh"}, "opt/app/run.sh", "opt/app/run.sh"},
		{core.ExportIn{Ref: harbor, Layer: &zero}, "etc/motd", ""},
	} {
		var b bytes.Buffer
		out, err := core.Export(t.Context(), fileEnv(&b), c.in)
		require.NoError(t, err)
		var names []string
		for r := tar.NewReader(&b); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			require.Truef(t, len(h.Name) >= len(c.only) && h.Name[:len(c.only)] == c.only, "%s", h.Name)
			names = append(names, h.Name)
		}
		require.True(t, slices.Contains(names, c.has), "%v", names)
		require.Len(t, names, out.Entries)
	}
}

func TestExportFailsBeforeItWrites(t *testing.T) {
	var b bytes.Buffer
	_, err := core.Export(t.Context(), fileEnv(&b), core.ExportIn{Ref: harbor, Path: "/nope"})
	require.Equal(t, errs.NotFound, errs.Of(err))
	nine := 9
	_, err = core.Export(t.Context(), fileEnv(&b), core.ExportIn{Ref: harbor, Layer: &nine})
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.Zero(t, b.Len())
}

// memoryBlob is a blob of known bytes.
type memoryBlob struct {
	d v1.Descriptor
	b []byte
}

func blobOf(b []byte) content.Blob {
	return memoryBlob{v1.Descriptor{Digest: digest.FromBytes(b), Size: int64(len(b))}, b}
}

func (m memoryBlob) Descriptor() v1.Descriptor { return m.d }

func (m memoryBlob) Open(context.Context) (io.ReadCloser, error) {
	return content.Verify(io.NopCloser(bytes.NewReader(m.b)), m.d)
}
