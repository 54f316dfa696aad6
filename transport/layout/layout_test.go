package layout_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// files is a layout that holds f, with one entry of index.json for each of entries.
func files(t testing.TB, f contenttest.Fixture, entries ...v1.Descriptor) map[string][]byte {
	t.Helper()
	index, err := json.Marshal(v1.Index{MediaType: v1.MediaTypeImageIndex, Manifests: entries})
	require.NoError(t, err)
	out := f.Files()
	out["index.json"] = index
	out["oci-layout"] = []byte(`{"imageLayoutVersion": "1.0.0"}`)
	return out
}

// entry is a descriptor of doc with annotations, given as key and value in turn.
func entry(doc oci.Document, annotations ...string) v1.Descriptor {
	d := doc.Descriptor()
	d.Annotations = map[string]string{}
	for i := 0; i+1 < len(annotations); i += 2 {
		d.Annotations[annotations[i]] = annotations[i+1]
	}
	return d
}

func open(t *testing.T, files map[string][]byte) *layout.Source {
	t.Helper()
	s, err := layout.Open(t.Context(), memfs.From(files), "oci:x")
	require.NoError(t, err)
	return s
}

const (
	refName = v1.AnnotationRefName
	ctrName = "io.containerd.image.name"
)

func TestSuite(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		t.Run(name, func(t *testing.T) {
			all := files(t, f, entry(f.Root, refName, "v1"))
			contenttest.Source(t, func(t *testing.T) content.Source { return open(t, all) }, f)
		})
	}
}

func TestTags(t *testing.T) {
	f := contenttest.NewIndex()
	amd, arm, root := f.Children[0], f.Children[1], f.Root
	cases := []struct {
		name    string
		entries []v1.Descriptor
		ref     string
		want    oci.Document // none where kind is set
		kind    errs.Kind
	}{
		{"several tags on one digest", []v1.Descriptor{entry(amd, refName, "a"), entry(amd, refName, "b"), entry(arm, refName, "c")}, "b", amd, ""},
		{"one digest under two tags is one image", []v1.Descriptor{entry(amd, refName, "a"), entry(amd, refName, "b")}, "", amd, ""},
		{"whole name", []v1.Descriptor{entry(amd, refName, "docker.io/library/x:1"), entry(arm, refName, "docker.io/library/x:2")}, "2", arm, ""},
		{"exact beats whole name", []v1.Descriptor{entry(amd, refName, "docker.io/library/x:1"), entry(arm, refName, "1")}, "1", arm, ""},
		{"whole names that share a tag", []v1.Descriptor{entry(amd, refName, "docker.io/library/x:1"), entry(arm, refName, "docker.io/library/y:1")}, "1", oci.Document{}, errs.Input},
		{"the tag ends another", []v1.Descriptor{entry(amd, refName, "x:11"), entry(arm, refName, "x:21")}, "1", oci.Document{}, errs.NotFound},
		{"containerd's name", []v1.Descriptor{entry(amd, ctrName, "docker.io/library/x:1"), entry(arm)}, "1", amd, ""},
		{"nothing asked, latest there", []v1.Descriptor{entry(amd, refName, "1"), entry(arm, refName, "latest")}, "", arm, ""},
		{"nothing asked, one has a tag", []v1.Descriptor{entry(amd), entry(root, refName, "1"), entry(arm)}, "", root, ""},
		{"nothing asked, several", []v1.Descriptor{entry(amd, refName, "1"), entry(arm, refName, "2")}, "", oci.Document{}, errs.Input},
		{"nothing asked, several without tags", []v1.Descriptor{entry(amd), entry(arm)}, "", oci.Document{}, errs.Input},
		{"nothing asked, none there", nil, "", oci.Document{}, errs.NotFound},
		{"a tag twice", []v1.Descriptor{entry(amd, refName, "1"), entry(arm, refName, "1")}, "1", oci.Document{}, errs.Input},
		{"a child in a nested index", []v1.Descriptor{entry(root, refName, "1")}, arm.Digest().String(), arm, ""},
		{"a config is no manifest", []v1.Descriptor{entry(root)}, f.Blobs[0].Descriptor.Digest.String(), oci.Document{}, errs.Input},
		{"a layer is no manifest", []v1.Descriptor{entry(root)}, f.Blobs[1].Descriptor.Digest.String(), oci.Document{}, errs.Input},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := open(t, files(t, f, c.entries...)).Manifest(t.Context(), c.ref)
			require.Equal(t, c.kind, errs.Of(err), "%v", err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestErrorsSayWhatThereIs(t *testing.T) {
	f := contenttest.NewIndex()
	s := open(t, files(t, f, entry(f.Root, refName, "1.0"), entry(f.Children[0]), entry(f.Children[1], refName, "arm")))
	_, err := s.Manifest(t.Context(), "2.0")
	require.EqualError(t, err, `oci:x: has no tag "2.0"`)
	require.Equal(t, "it has :1.0, @"+f.Children[0].Digest().String()+", :arm", errs.HintOf(err))
	_, err = s.Manifest(t.Context(), "")
	require.EqualError(t, err, "oci:x: has 3 images and none of them is meant without a tag or digest")
}

func TestBrokenLayouts(t *testing.T) {
	f := contenttest.NewImage()
	good := files(t, f, entry(f.Root))
	cases := map[string]struct {
		change map[string]string // "" removes
		kind   errs.Kind
		says   string
	}{
		"no index.json":   {map[string]string{"index.json": ""}, errs.Input, "oci:x: is not an OCI layout: has no index.json"},
		"index no JSON":   {map[string]string{"index.json": "<html>"}, errs.Input, "oci:x: index.json: is not a manifest: it is HTML or XML, not JSON"},
		"hostile digest":  {map[string]string{"index.json": `{"manifests":[{"digest":"sha256:../../etc/passwd","size":3}]}`}, errs.Input, "is not a digest"},
		"version 2":       {map[string]string{"oci-layout": `{"imageLayoutVersion":"2.0.0"}`}, errs.Unsupported, `version "2.0.0"`},
		"oci-layout gone": {map[string]string{"oci-layout": ""}, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			changed := maps.Clone(good)
			for file, b := range c.change {
				if changed[file] = []byte(b); b == "" {
					delete(changed, file)
				}
			}
			_, err := layout.Open(t.Context(), memfs.From(changed), "oci:x")
			require.Equal(t, c.kind, errs.Of(err), "%v", err)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
			}
			require.Equal(t, name == "no index.json", strings.Contains(errs.HintOf(err), "it goes on where it stopped"), errs.HintOf(err))
		})
	}
}

// TestManyEntries: looking through an index of the largest size does not compare each entry with every other.
func TestManyEntries(t *testing.T) {
	f := contenttest.NewImage()
	var entries []v1.Descriptor
	for i := range 15_000 {
		d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint(i)), Size: 1}
		d.Annotations = map[string]string{refName: fmt.Sprint("t", i)}
		entries = append(entries, d)
	}
	s := open(t, files(t, f, append(entries, entry(f.Root, refName, "v1"))...))
	for range 10 { // some seconds each, where it does
		_, err := s.Manifest(t.Context(), "")
		require.Equal(t, errs.Input, errs.Of(err))
		_, err = s.Manifest(t.Context(), "v1")
		require.NoError(t, err)
	}
	n := 0
	for range s.Tags(t.Context(), "t9") {
		n++
	}
	require.Equal(t, 14_991, n)
}

func TestManifestIsVerified(t *testing.T) {
	f := contenttest.NewImage()
	path := layout.BlobPath(f.Root.Digest())
	for name, b := range map[string]string{"other": string(f.Root.Raw[:len(f.Root.Raw)-1]) + " ", "longer": string(f.Root.Raw) + " ", "huge": fmt.Sprintf("%*s", oci.MaxManifest+1, "")} {
		t.Run(name, func(t *testing.T) {
			all := files(t, f, entry(f.Root, refName, "v1"))
			all[path] = []byte(b)
			for _, ref := range []string{"v1", f.Root.Digest().String()} {
				_, err := open(t, all).Manifest(t.Context(), ref)
				require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
			}
		})
	}
}
