package layout_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
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
					s, err := layout.Create(t.Context(), d, "oci:x")
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
