package layout_test

import (
	"testing"

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
