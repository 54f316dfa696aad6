package core_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// broken is a blob that can be read to the middle.
type broken struct{ content.Blob }

func (b broken) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := b.Blob.Open(ctx)
	half := io.LimitReader(r, b.Descriptor().Size/2)
	return io.NopCloser(io.MultiReader(half, iotest.ErrReader(errors.New("the line is dead")))), err
}

func TestClean(t *testing.T) {
	files := memfs.New()
	mux := transport.New(transport.Options{Files: files, Writable: files})
	env := &core.Env{Leftovers: mux.Leftovers}
	blob := contenttest.NewContent(oci.DockerLayer, make([]byte, 100_000))
	for _, name := range []string{"l/README", "s/README"} { // in memory there are no empty folders
		fsystest.Write(t, files, name, "")
	}
	for _, typed := range []string{"oci:l", "dir:d", "static:s:app", "oci-archive:a.tar"} {
		t.Run(typed, func(t *testing.T) {
			r, err := ref.Parse(typed)
			require.NoError(t, err)
			s, err := mux.Create(t.Context(), r)
			require.NoError(t, err)
			_, err = s.PutBlob(t.Context(), broken{blob.Blob()})
			require.ErrorContains(t, err, "the line is dead")
			require.NoError(t, s.Close())
			left := []content.Leftover{{Digest: blob.Descriptor.Digest, Size: 50_000}}
			for _, dry := range []bool{true, true, false} {
				out, err := core.Clean(t.Context(), env, core.CleanIn{Ref: typed, DryRun: dry})
				require.NoError(t, err)
				require.Equal(t, core.CleanOut{Leftovers: left, Bytes: 50_000, DryRun: dry}, out)
			}
			out, err := core.Clean(t.Context(), env, core.CleanIn{Ref: typed})
			require.NoError(t, err)
			require.Equal(t, core.CleanOut{Leftovers: []content.Leftover{}}, out)
		})
	}
	entries, err := files.List(t.Context(), ".")
	require.NoError(t, err)
	require.Len(t, entries, 3, "nothing is beside the archive that never was")

	fsystest.Write(t, files, "file", "")
	for typed, kind := range map[string]errs.Kind{
		"oci:nowhere": errs.NotFound, "oci:file": errs.Input, "alpine": errs.Unsupported, "mem:x": errs.Unsupported, "oci-archive:-": errs.Unsupported, "oci-archive:d": errs.Input,
	} {
		_, err := core.Clean(t.Context(), env, core.CleanIn{Ref: typed})
		require.Equal(t, kind, errs.Of(err), "%s: %v", typed, err)
	}
	_, err = core.Clean(t.Context(), &core.Env{}, core.CleanIn{Ref: "oci:x"})
	require.Equal(t, errs.Unsupported, errs.Of(err))
}
