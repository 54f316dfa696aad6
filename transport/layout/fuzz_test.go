package layout_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// FuzzLayoutIndex reads layouts with a hostile index.json: no panic, and every error has a kind that tells it apart from
// a fault of ours.
func FuzzLayoutIndex(f *testing.F) {
	x := contenttest.NewIndex()
	f.Add(files(f, x, entry(x.Root, refName, "v1"))["index.json"], "v1")
	f.Add(files(f, x, entry(x.Children[0], ctrName, "docker.io/library/x:1"), entry(x.Children[1]))["index.json"], "")
	f.Add([]byte(`{"manifests":null}`), "")
	f.Add([]byte(`{"manifests":[{"digest":"sha256:../../x","size":-1}]}`), "latest")
	f.Fuzz(func(t *testing.T, index []byte, ref string) {
		all := x.Files()
		all["index.json"] = index
		s, err := layout.Open(t.Context(), memfs.From(all), "oci:x")
		if err == nil {
			for range s.Tags(t.Context(), "") {
			}
			_, err = s.Manifest(t.Context(), ref)
		}
		if err != nil && errs.Of(err) == errs.Internal {
			t.Errorf("%q: %v", ref, err)
		}
	})
}

// FuzzLayoutCommit adds a tag to a hostile index.json: it is refused, or afterwards the tag is there and the other entries too.
func FuzzLayoutCommit(f *testing.F) {
	x := contenttest.NewIndex()
	f.Add(files(f, x, entry(x.Root, refName, "v1"))["index.json"], "v1")
	f.Add(files(f, x, entry(x.Children[0], ctrName, "x:1"), entry(x.Children[1]), entry(x.Root))["index.json"], "a/b:c")
	f.Add([]byte(`{"manifests":null,"manifests":[]}`), "v")
	f.Add([]byte(`{"manifests":[{"digest":"`+x.Root.Digest().String()+`","size":1,"annotations":null}]}`), "v")
	f.Fuzz(func(t *testing.T, index []byte, tag string) {
		all := x.Files()
		all["index.json"] = index
		m := memfs.From(all)
		before, err := layout.Open(t.Context(), m, "oci:x")
		s, cerr := layout.Create(t.Context(), m, "oci:x", clock.System{})
		if cerr != nil {
			require.NotEqual(t, errs.Internal, errs.Of(cerr))
			return
		}
		require.NoError(t, err, "what can be written can be read")
		if err := s.PutManifest(t.Context(), tag, x.Root); err != nil {
			require.Contains(t, []errs.Kind{errs.Verification, errs.Input}, errs.Of(err), "a tag that is another digest, or no text")
			return
		}
		if err := s.Commit(t.Context()); err != nil {
			require.Equal(t, errs.Input, errs.Of(err), "%v", err)
			return
		}
		after, err := layout.Open(t.Context(), m, "oci:x")
		require.NoError(t, err)
		names := func(s *layout.Source) (out []string) {
			for _, e := range s.Entries() {
				if n := e.Annotations[refName]; n != tag && n != "" {
					out = append(out, n)
				}
			}
			return out
		}
		require.Equal(t, names(before), names(after))
		if got, err := after.Manifest(t.Context(), tag); tag != "" {
			require.NoError(t, err)
			require.Equal(t, x.Root, got)
		}
	})
}
