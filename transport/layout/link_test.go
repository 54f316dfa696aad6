package layout_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// TestLayoutToLayout links blobs instead of writing them again, and verifies them all the same.
func TestLayoutToLayout(t *testing.T) {
	base, f := t.TempDir(), contenttest.NewIndex()
	from, to := filepath.Join(base, "from"), filepath.Join(base, "to")
	d, err := osfs.Create(from)
	require.NoError(t, err)
	require.NoError(t, fill(t.Context(), d, f, plain))

	d, err = osfs.OpenRoot(from)
	require.NoError(t, err)
	src, err := layout.Open(t.Context(), d, "oci:from")
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	d, err = osfs.Create(to)
	require.NoError(t, err)
	dst, err := layout.Create(t.Context(), d, "oci:to", clock.System{})
	require.NoError(t, err)
	require.NoError(t, put(t.Context(), dst, f, func(c contenttest.Content) content.Blob { return src.Blob(c.Descriptor) }))

	for _, c := range f.Blobs {
		name := filepath.FromSlash(layout.BlobPath(c.Descriptor.Digest))
		a, err := os.Stat(filepath.Join(from, name))
		require.NoError(t, err)
		b, err := os.Stat(filepath.Join(to, name))
		require.NoError(t, err)
		require.True(t, os.SameFile(a, b), "one file with two names")
	}
	bad := contenttest.NewContent("", []byte("what it should be"))
	require.NoError(t, os.WriteFile(filepath.Join(from, layout.BlobPath(bad.Descriptor.Digest)), []byte("what it really is"), 0o600))
	_, err = dst.PutBlob(t.Context(), src.Blob(bad.Descriptor))
	require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
	good := contenttest.NewContent("", []byte("some more"))
	require.NoError(t, os.WriteFile(filepath.Join(from, layout.BlobPath(good.Descriptor.Digest)), good.Bytes, 0o600))
	how, err := dst.PutBlob(t.Context(), src.Blob(good.Descriptor))
	require.NoError(t, err)
	require.Equal(t, content.Linked, how)
	require.NoError(t, dst.Close())
	d, err = osfs.OpenRoot(to)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	whole(t, d)
	tidy(t, d)
}

// TestLinkCrashPoints lets a copy between layouts fail, or end, at every operation.
func TestLinkCrashPoints(t *testing.T) {
	base, f := t.TempDir(), contenttest.NewIndex()
	d, err := osfs.Create(filepath.Join(base, "from"))
	require.NoError(t, err)
	require.NoError(t, fill(t.Context(), d, f, plain))
	d, err = osfs.OpenRoot(filepath.Join(base, "from"))
	require.NoError(t, err)
	src, err := layout.Open(t.Context(), d, "oci:from")
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	linked := func(c contenttest.Content) content.Blob { return src.Blob(c.Descriptor) }
	for _, stop := range []bool{false, true} {
		for n, done := int64(1), false; !done; n += 3 { // each has a disk to sync
			to := filepath.Join(base, fmt.Sprint(stop, n))
			d, err := osfs.Create(to)
			require.NoError(t, err)
			faults := &fsystest.Faults{At: n, Err: syscall.EIO, Stop: stop}
			err = fill(t.Context(), faults.Dir(keptOpen{d}), f, linked)
			done = !faults.Happened()
			if tags := whole(t, keptOpen{d}); err == nil || len(tags) > 0 {
				require.Equal(t, map[string]oci.Document{f.Tag: f.Root}, tags)
			}
			require.NoError(t, fill(t.Context(), keptOpen{d}, f, linked))
			require.Equal(t, map[string]oci.Document{f.Tag: f.Root}, whole(t, keptOpen{d}))
			tidy(t, d)
			require.NoError(t, d.Close())
		}
	}
}
