package layout_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

func TestSinkSuite(t *testing.T) {
	hosts := map[string]func(t *testing.T) (fsys.WritableHost, fsys.Host, string){
		"memory": func(*testing.T) (fsys.WritableHost, fsys.Host, string) { m := memfs.New(); return m, m, "l" },
		"files": func(t *testing.T) (fsys.WritableHost, fsys.Host, string) {
			return osfs.Host{}, osfs.Host{}, filepath.Join(t.TempDir(), "not", "there", "l")
		},
	}
	for host, open := range hosts {
		for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
			t.Run(host+"/"+name, func(t *testing.T) {
				contenttest.Sink(t, func(t *testing.T) contenttest.SinkUnderTest {
					w, r, path := open(t)
					d, err := w.CreateDir(t.Context(), path)
					require.NoError(t, err)
					s, err := layout.Create(t.Context(), d, "oci:x", clock.System{})
					require.NoError(t, err)
					return contenttest.SinkUnderTest{Sink: s, Source: func() (content.Source, error) {
						d, err := r.OpenDir(t.Context(), path)
						if err != nil {
							return nil, err
						}
						return layout.Open(t.Context(), d, "oci:x")
					}}
				}, f)
			})
		}
	}
}

// write puts manifests into a layout, as tag and document in turn.
func writeTags(t *testing.T, d fsys.WritableDir, puts ...any) {
	t.Helper()
	s, err := layout.Create(t.Context(), d, "oci:x", clock.System{})
	require.NoError(t, err)
	for i := 0; i < len(puts); i += 2 {
		require.NoError(t, s.PutManifest(t.Context(), puts[i].(string), puts[i+1].(oci.Document)))
	}
	require.NoError(t, s.Commit(t.Context()))
	require.NoError(t, s.Close())
}

func indexOf(t *testing.T, d fsys.Dir) string {
	t.Helper()
	b, err := fsys.ReadFile(t.Context(), d, "index.json", oci.MaxManifest)
	require.NoError(t, err)
	return string(b)
}

func TestEntries(t *testing.T) {
	f := contenttest.NewIndex()
	root, amd, arm := f.Root, f.Children[0], f.Children[1]
	item := func(d oci.Document, rest string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, d.MediaType, d.Digest(), len(d.Raw), rest)
	}
	name := func(tag string) string { return `,"annotations":{"org.opencontainers.image.ref.name":"` + tag + `"}` }
	list := func(items ...string) string {
		return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + strings.Join(items, ",") + `]}`
	}
	foreign := func(items ...string) string {
		return `{"x-first":{"b":1,"a":"<2>"},"schemaVersion":2,"manifests":[` + strings.Join(items, ",") + `],"annotations":{"k":"v"}}`
	}
	cases := []struct {
		name, before, after string
		puts                []any
	}{
		{"an index", "", list(item(root, name("v1"))), []any{"", amd, "", arm, "v1", root}},
		{"several tags on one digest", "", list(item(amd, name("a")), item(amd, name("b"))), []any{"a", amd, "b", amd}},
		{"no tag", "", list(item(amd, "")), []any{"", amd}},
		{"by digest", "", list(item(amd, "")), []any{amd.Digest().String(), amd}},
		{"an index without a tag", "", list(item(root, "")), []any{"", amd, "", arm, "", root}},
		{"tag and digest", "", list(item(amd, name("a"))), []any{"a", amd, amd.Digest().String(), amd}},
		{"digest and tag", "", list(item(amd, name("a"))), []any{amd.Digest().String(), amd, "a", amd}},
		{"a child with a tag of its own", "", list(item(amd, name("a")), item(root, name("v1"))), []any{"a", amd, "v1", root}},
		{"an image without a tag beside one with", list(item(amd, name("a"))), list(item(amd, name("a")), item(arm, "")), []any{"", arm}},
		{"twice", list(item(amd, name("a"))), list(item(amd, name("a"))), []any{"a", amd}},
		{"a tag moves and keeps its place", list(item(amd, name("a")), item(amd, name("b"))), list(item(arm, name("a")), item(amd, name("b"))), []any{"a", arm}},
		{"what is not known stays", foreign(item(amd, `,"x":[1, "<"]`+name("a")), item(arm, `,"platform":{"os":"linux","x":1}`)),
			foreign(item(amd, `,"x":[1,"<"]`+name("a")), item(arm, `,"platform":{"os":"linux","x":1}`), item(root, name("v1"))), []any{"v1", root}},
		{"an entry without a tag gets it", foreign(item(amd, `,"x":1`)), foreign(item(amd, `,"x":1`+name("a"))), []any{"a", amd}},
		{"with annotations", list(item(amd, `,"annotations":{"k":"v"}`)), list(item(amd, `,"annotations":{"k":"v","org.opencontainers.image.ref.name":"a"}`)), []any{"a", amd}},
		{"containerd's name is a name", list(item(amd, `,"annotations":{"io.containerd.image.name":"x:a"}`)),
			list(item(amd, `,"annotations":{"io.containerd.image.name":"x:a"}`), item(amd, name("a"))), []any{"a", amd}},
		{"a whole name is another", list(item(amd, name("docker.io/x:a"))), list(item(amd, name("docker.io/x:a")), item(arm, name("a"))), []any{"a", arm}},
		{"a tag that stood there twice", list(item(amd, name("a")), item(root, name("b")), item(root, name("a"))), list(item(arm, name("a")), item(root, name("b"))), []any{"a", arm}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files := map[string][]byte{}
			if c.before != "" {
				files["index.json"] = []byte(c.before)
			}
			m := memfs.From(files)
			writeTags(t, m, c.puts...)
			require.Equal(t, c.after, indexOf(t, m))
			left, err := m.List(t.Context(), ".")
			require.NoError(t, err)
			require.Len(t, left, 3, "blobs, index.json, oci-layout and nothing else: %v", left)
		})
	}
}

func TestOtherAlgorithms(t *testing.T) {
	f, m := contenttest.NewIndex(), memfs.New()
	child := f.Children[0]
	strong := digest.SHA512.FromBytes(child.Raw)
	d := child.Descriptor()
	d.Digest = strong
	raw, err := json.Marshal(v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{d}})
	require.NoError(t, err)
	root := oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: raw}
	writeTags(t, m, strong.String(), child, "v1", root)
	s, err := layout.Open(t.Context(), m, "oci:x")
	require.NoError(t, err)
	require.Len(t, s.Entries(), 1)
	got, err := s.Manifest(t.Context(), strong.String())
	require.NoError(t, err)
	require.Equal(t, child.Under(strong), got)
}

func TestCreateRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string][]byte
		kind  errs.Kind
	}{
		"no JSON":         {map[string][]byte{"index.json": []byte("<html>")}, errs.Input},
		"no index":        {map[string][]byte{"index.json": []byte(`{"manifests":[{"digest":"sha256:../x"}]}`)}, errs.Input},
		"version 2":       {map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"2.0.0"}`)}, errs.Unsupported},
		"is a folder":     {map[string][]byte{"index.json/x": nil}, errs.Input},
		"index too large": {map[string][]byte{"index.json": make([]byte, oci.MaxManifest+1)}, errs.Input},
	} {
		_, err := layout.Create(t.Context(), memfs.From(c.files), "oci:x", clock.System{})
		require.Equal(t, c.kind, errs.Of(err), "%s: %v", name, err)
	}
}

// TestTagsNeverBecomePaths writes tags that would lead out of the folder if they named files.
func TestTagsNeverBecomePaths(t *testing.T) {
	base, f := t.TempDir(), contenttest.NewImage()
	for _, tag := range []string{"../x", "/etc/x", `..\x`, "a/b:c", "docker.io/library/x:1", ".", "<&>"} {
		d, err := osfs.Create(filepath.Join(base, "l"))
		require.NoError(t, err)
		writeTags(t, d, tag, f.Root)
		d, err = osfs.OpenRoot(filepath.Join(base, "l"))
		require.NoError(t, err)
		s, err := layout.Open(t.Context(), d, "oci:x")
		require.NoError(t, err)
		got, err := s.Manifest(t.Context(), tag)
		require.NoError(t, err, tag)
		require.Equal(t, f.Root, got)
		require.NoError(t, s.Close())
	}
	entries, err := os.ReadDir(base)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestVerifyExisting(t *testing.T) {
	f := contenttest.NewImage()
	good, absent := f.Blobs[1], f.Blobs[2]
	bad := bytes.Clone(good.Bytes)
	bad[0] ^= 1
	m := memfs.From(map[string][]byte{layout.BlobPath(good.Descriptor.Digest): bad})
	s, err := layout.Create(t.Context(), m, "oci:x", clock.System{})
	require.NoError(t, err)
	how, err := s.PutBlob(t.Context(), good.Blob())
	require.NoError(t, err)
	require.Equal(t, content.Existed, how, "its size is right, and nobody asked")
	require.Equal(t, errs.Verification, errs.Of(s.CheckBlob(t.Context(), good.Descriptor)))
	require.Equal(t, errs.NotFound, errs.Of(s.CheckBlob(t.Context(), absent.Descriptor)))
	how, err = s.PutBlob(t.Context(), good.Blob())
	require.NoError(t, err)
	require.Equal(t, content.Stored, how)
	require.NoError(t, s.CheckBlob(t.Context(), good.Descriptor))
}

// TestNames: a name that others could not read is not written, and everything that they write as one is.
func TestNames(t *testing.T) {
	doc := contenttest.NewImage().Root
	for name, kind := range map[string]errs.Kind{
		"": "", "v1": "", "registry.example:5000/team/a__b:1.0": "", "registry.example/app@" + doc.Digest().String(): "", "häfen": "",
		"bad tag": errs.Input, "v1\n": errs.Input, "a\x00b": errs.Input, "\xff": errs.Input, digest.FromString("other").String(): errs.Verification,
	} {
		_, err := layout.NewListed(name, doc)
		require.Equal(t, kind, errs.Of(err), "%q: %v", name, err)
	}
}
