package dir_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/dir"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

func TestSinkSuite(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		t.Run(name, func(t *testing.T) {
			f.Tag = ""
			contenttest.Sink(t, func(t *testing.T) contenttest.SinkUnderTest {
				path := filepath.Join(t.TempDir(), "new")
				d, err := osfs.Create(path)
				require.NoError(t, err)
				s, err := dir.Create(t.Context(), d, "dir:x")
				require.NoError(t, err)
				return contenttest.SinkUnderTest{Sink: s, Source: func() (content.Source, error) {
					d, err := osfs.OpenRoot(path)
					if err != nil {
						return nil, err
					}
					return dir.Open(t.Context(), d, "dir:x")
				}}
			}, f)
		})
	}
}

func put(t *testing.T, d fsys.WritableDir, f contenttest.Fixture, more ...oci.Document) error {
	t.Helper()
	s, err := dir.Create(t.Context(), d, "dir:x")
	if err != nil {
		return err
	}
	for _, c := range f.Blobs {
		if _, err := s.PutBlob(t.Context(), c.Blob()); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	for _, doc := range append(append(slices.Clone(f.Children), f.Root), more...) {
		if err := s.PutManifest(t.Context(), "", doc); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return errors.Join(s.Commit(t.Context()), s.Close())
}

func listed(t *testing.T, d fsys.Dir) (names []string) {
	t.Helper()
	entries, err := d.List(t.Context(), ".")
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// TestAnotherImage takes the place of one that was there, with its signatures, and of nothing else.
func TestAnotherImage(t *testing.T) {
	first, second, m := contenttest.NewIndex(), contenttest.NewImage(), memfs.New()
	require.NoError(t, put(t, m, first))
	child := first.Children[0].Digest().Encoded()
	mine := []string{"notes.txt", "signature-list", "signature-", "deadbeef", "signature-1.txt"}
	for _, name := range append([]string{"signature-1", "signature-22", child + ".signature-1"}, mine...) {
		fsystest.Write(t, m, name, "x")
	}
	require.NoError(t, put(t, m, second))
	want := append([]string{"manifest.json", "version"}, mine...)
	for _, c := range second.Blobs {
		want = append(want, c.Descriptor.Digest.Encoded())
	}
	slices.Sort(want)
	require.Equal(t, want, listed(t, m))
}

func TestOnlyItsOwnFolder(t *testing.T) {
	f := contenttest.NewImage()
	for name, c := range map[string]struct {
		files map[string][]byte
		kind  errs.Kind
	}{
		"something else":    {map[string][]byte{"photo.jpg": nil}, errs.Input},
		"a layout":          {map[string][]byte{"index.json": nil, "blobs/x": nil}, errs.Input},
		"another version":   {map[string][]byte{"version": []byte("3.0\n"), "x": nil}, errs.Input},
		"an older version":  {map[string][]byte{"version": []byte("Directory Transport Version: 1.0\n"), "x": nil}, ""},
		"a folder in there": {map[string][]byte{"x/y": nil}, errs.Input},
	} {
		require.Equal(t, c.kind, errs.Of(put(t, memfs.From(c.files), f)), name)
	}
	m := memfs.New()
	s, err := dir.Create(t.Context(), m, "dir:x")
	require.NoError(t, err)
	_, err = dir.Create(t.Context(), m, "dir:x")
	require.Equal(t, errs.Denied, errs.Of(err), "%v", err)
	require.Equal(t, errs.Input, errs.Of(s.PutManifest(t.Context(), "v1", f.Root)), "there are no tags")
	require.Equal(t, errs.Input, errs.Of(s.Commit(t.Context())), "there is no image")
	require.NoError(t, s.Close())
}

// TestWhichIsTheImage: what refers to the image is beside it; two images are one too many.
func TestWhichIsTheImage(t *testing.T) {
	f := contenttest.NewImage()
	subject := f.Root.Descriptor()
	raw, err := json.Marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest, Config: f.Blobs[0].Descriptor, Subject: &subject,
	})
	require.NoError(t, err)
	signature := oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: raw}
	m := memfs.New()
	require.NoError(t, put(t, m, f, signature, f.Root))
	s, err := dir.Open(t.Context(), m, "dir:x")
	require.NoError(t, err)
	for ref, want := range map[string]oci.Document{"": f.Root, f.Root.Digest().String(): f.Root, signature.Digest().String(): signature} {
		got, err := s.Manifest(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	err = put(t, memfs.New(), f, contenttest.NewIndex().Children[0])
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
	require.ErrorContains(t, err, "2 were given")
}

// TestCrashPoints replaces one image by another that shares nothing with it.
func TestCrashPoints(t *testing.T) {
	old, f := contenttest.NewImage(), contenttest.NewIndex()
	for _, stop := range []bool{false, true} {
		for n := int64(1); ; n++ {
			m := memfs.New()
			require.NoError(t, put(t, m, old))
			faults := &fsystest.Faults{At: n, Err: errors.New("the power failed"), Stop: stop}
			err := put(t, faults.Dir(m), f)
			if !faults.Happened() {
				require.NoError(t, err)
				break
			}
			s, err := dir.Open(t.Context(), m, "dir:x")
			require.NoError(t, err)
			root, err := s.Manifest(t.Context(), "")
			require.NoError(t, err)
			holds := old
			if root.Digest() == f.Root.Digest() {
				holds = f
			}
			for _, c := range holds.Blobs {
				r, err := s.Blob(c.Descriptor).Open(t.Context())
				require.NoError(t, err, "operation %d: a blob is missing", n)
				require.NoError(t, r.Close())
			}
			require.NoError(t, put(t, m, f), "operation %d", n)
			require.NotContains(t, listed(t, m), "partial")
		}
	}
}

// TestAManifestWithoutAConfig is what image-spec 1.1's drafts called an artifact manifest.
func TestAManifestWithoutAConfig(t *testing.T) {
	f := contenttest.NewImage()
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": v1.MediaTypeImageManifest, "layers": []v1.Descriptor{f.Blobs[1].Descriptor}})
	require.NoError(t, err)
	f.Root = oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: raw}
	m := memfs.New()
	require.NoError(t, put(t, m, f))
	s, err := dir.Open(t.Context(), m, "dir:x")
	require.NoError(t, err)
	got, err := s.Manifest(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, f.Root, got)
}
