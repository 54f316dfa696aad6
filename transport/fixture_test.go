package transport_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// TestSharedFixtures reads archives and layouts of other projects, where they lie beside the repository. Each entry says
// how many layers there are to read, or the kind of the error.
func TestSharedFixtures(t *testing.T) {
	data := filepath.Join("..", "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Log("without the fixtures of other projects: there is no ", data)
		return
	}
	const ggcr = "google+go-containerregistry/pkg/v1/"
	for _, c := range []struct {
		scheme, path, ident string
		layers              int
		kind                errs.Kind
	}{
		{"docker-archive:", ggcr + "tarball/testdata/hello-world-v25.tar", "", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/hello-world-v25.tar", ":@0", 1, ""},
		{"oci-archive:", ggcr + "tarball/testdata/hello-world-v25.tar", "", 0, errs.Input},
		{"docker-archive:", ggcr + "tarball/testdata/no_manifest.tar", "", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/no_manifest.tar", ":bazel/v1/tarball:test_image", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/null_manifest.tar", "", 0, errs.Input},
		{"docker-archive:", ggcr + "tarball/testdata/content.tar", "", 0, errs.Input},
		{"docker-archive:", ggcr + "tarball/testdata/test_bundle.tar", "", 0, errs.Input},
		{"docker-archive:", ggcr + "tarball/testdata/test_bundle.tar", ":test_image_1", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_bundle.tar", ":test_image_2:latest", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_bundle.tar", ":@1", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_bundle.tar", ":@2", 0, errs.NotFound},
		{"docker-archive:", ggcr + "tarball/testdata/test_image_1.tar", "", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_image_2.tar", "", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_load_manifest.tar", "", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_link.tar", ":@0", 1, ""},
		{"docker-archive:", ggcr + "tarball/testdata/test_link.tar", ":@1", 2, ""},
		{"docker-archive:", ggcr + "mutate/testdata/source_image.tar", "", 1, ""},
		{"docker-archive:", ggcr + "mutate/testdata/source_image_with_empty_layer_history.tar", "", 1, ""},
		{"docker-archive:", ggcr + "mutate/testdata/whiteout_image.tar", "", 3, ""},
		{"docker-archive:", ggcr + "mutate/testdata/whiteout_dir.tar", "", 4, ""},
		{"docker-archive:", ggcr + "mutate/testdata/overwritten_file.tar", "", 3, ""},
		{"oci:", ggcr + "layout/testdata/test_index_one_image", "", 1, ""},
		{"oci:", ggcr + "layout/testdata/test_index", "", 0, errs.Input},
		{"oci:", ggcr + "layout/testdata/test_index", ":1", 0, errs.Verification}, // announced as OCI, it says it is Docker's
		{"oci:", ggcr + "layout/testdata/test_gc_index", ":nope", 0, errs.NotFound},
		{"oci:", ggcr + "layout/testdata/test_gc_image_unknown_mediatype", "", 0, errs.NotFound}, // its blobs are not there
		{"oci:", ggcr + "layout/testdata/test_index_media_type", "", 1, ""},
		{"docker-archive:", "wagoodman+dive/.data/test-docker-image.tar", "", 14, ""},
		{"docker-archive:", "wagoodman+dive/.data/test-kaniko-image.tar", "", 14, ""},
		{"oci-archive:", "wagoodman+dive/.data/test-oci-gzip-image.tar", "", 1, ""},
		{"oci-archive:", "wagoodman+dive/.data/test-oci-zstd-image.tar", "", 1, ""},
		{"oci-archive:", "wagoodman+dive/.data/test-oci-estargz-image.tar", "", 1, ""},
		{"oci-archive:", "wagoodman+dive/.data/test-oci-uncompressed-image.tar", "", 1, ""},
		{"oci-archive:", "wagoodman+dive/.data/test-gzip-image.tar", "", 0, errs.Input},
	} {
		t.Run(filepath.Base(c.path)+c.ident, func(t *testing.T) {
			img, err := tryWalk(t, muxOf(t), c.scheme+filepath.Join(data, filepath.FromSlash(c.path))+c.ident)
			require.Equal(t, c.kind, errs.Of(err), "%v", err)
			require.Len(t, img.layers, c.layers)
			if err != nil {
				t.Log(err, "hint:", errs.HintOf(err))
			}
		})
	}
}
