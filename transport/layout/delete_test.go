package layout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
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
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// editable opens d for deleting, through faults where they are not nil.
func editable(t *testing.T, d fsys.WritableDir, faults *fsystest.Faults) *layout.Editable {
	t.Helper()
	s, err := layout.Open(t.Context(), d, "oci:x")
	require.NoError(t, err)
	return layout.NewEditable(s, func(context.Context) (fsys.WritableDir, error) {
		if faults != nil {
			return faults.Dir(d), nil
		}
		return d, nil
	}, clock.System{})
}

func names(t *testing.T, d fsys.WritableDir) (out []string) {
	t.Helper()
	for tag, err := range editable(t, d, nil).Tags(t.Context(), "") {
		require.NoError(t, err)
		out = append(out, tag)
	}
	return out
}

// blobs are the digests of what lies in the folder, sorted.
func blobs(t *testing.T, d fsys.Dir) (out []string) {
	t.Helper()
	list, err := d.List(t.Context(), "blobs/sha256")
	if errors.Is(err, fs.ErrNotExist) { // in memory there are no empty folders
		return nil
	}
	require.NoError(t, err)
	for _, e := range list {
		out = append(out, e.Name)
	}
	return out
}

func withTag(f contenttest.Fixture, tag string) contenttest.Fixture {
	f.Tag = tag
	return f
}

// alone are the blobs of a layout with one image.
func alone(t *testing.T, f contenttest.Fixture) []string {
	t.Helper()
	m := memfs.New()
	require.NoError(t, fill(t.Context(), m, f, plain))
	return blobs(t, m)
}

func TestDeleteTag(t *testing.T) {
	index, image := contenttest.NewIndex(), withTag(contenttest.NewImage(), "docker")
	m := memfs.New()
	for _, f := range []contenttest.Fixture{index, withTag(index, "also"), image} {
		require.NoError(t, fill(t.Context(), m, f, plain))
	}
	all := blobs(t, m)

	last, err := editable(t, m, nil).LastTag(t.Context(), "v1")
	require.NoError(t, err)
	require.False(t, last)
	require.NoError(t, editable(t, m, nil).DeleteTag(t.Context(), "v1"))
	require.Equal(t, []string{"also", "docker"}, names(t, m))
	require.Equal(t, all, blobs(t, m), "its sibling has it all")

	last, err = editable(t, m, nil).LastTag(t.Context(), "also")
	require.NoError(t, err)
	require.True(t, last)
	require.Equal(t, all, blobs(t, m), "who asks changes nothing")
	require.NoError(t, editable(t, m, nil).DeleteTag(t.Context(), "also"))
	require.Equal(t, alone(t, image), blobs(t, m), "what the images share stays")
	require.Equal(t, map[string]oci.Document{"docker": image.Root}, whole(t, m))

	require.Equal(t, errs.NotFound, errs.Of(editable(t, m, nil).DeleteTag(t.Context(), "v1")))
	require.NoError(t, editable(t, m, nil).DeleteTag(t.Context(), "docker"))
	require.Empty(t, blobs(t, m))
	require.Contains(t, indexOf(t, m), `"manifests":[]`)
}

func TestDeleteManifest(t *testing.T) {
	index := contenttest.NewIndex()
	m := memfs.New()
	for _, tag := range []string{"a", "b"} {
		require.NoError(t, fill(t.Context(), m, withTag(index, tag), plain))
	}
	before := indexOf(t, m)
	err := editable(t, m, nil).DeleteManifest(t.Context(), index.Children[0].Digest())
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
	require.Equal(t, "delete :a", errs.HintOf(err))
	require.Equal(t, errs.Input, errs.Of(editable(t, m, nil).DeleteBlob(t.Context(), index.Blobs[0].Descriptor.Digest)))
	require.Equal(t, errs.NotFound, errs.Of(editable(t, m, nil).DeleteManifest(t.Context(), digest.FromString("x"))))
	require.Equal(t, errs.Input, errs.Of(editable(t, m, nil).DeleteManifest(t.Context(), "sha256:../../x")))
	require.Equal(t, before, indexOf(t, m))

	s, err := layout.Create(t.Context(), m, "oci:x", clock.System{})
	require.NoError(t, err)
	other := contenttest.NewContent("text/plain", []byte("of a copy that is under way"))
	_, err = s.PutBlob(t.Context(), other.Blob())
	require.NoError(t, err)
	require.NoError(t, editable(t, m, nil).DeleteManifest(t.Context(), index.Root.Digest()))
	require.Equal(t, []string{other.Descriptor.Digest.Encoded()}, blobs(t, m), "every tag and blob is gone, what others store is not")
	require.NoError(t, editable(t, m, nil).DeleteBlob(t.Context(), other.Descriptor.Digest))
	require.Empty(t, blobs(t, m))
}

// TestDeleteFromOras has the children of an index as entries, as oras writes them.
func TestDeleteFromOras(t *testing.T) {
	index, m := contenttest.NewIndex(), memfs.New()
	require.NoError(t, fill(t.Context(), m, index, plain))
	entries := []v1.Descriptor{index.Children[0].Descriptor(), index.Children[1].Descriptor(), index.Root.Descriptor()}
	entries[2].Annotations = map[string]string{v1.AnnotationRefName: "v1"}
	raw, err := json.Marshal(v1.Index{Manifests: entries})
	require.NoError(t, err)
	require.NoError(t, m.Remove(t.Context(), "index.json"))
	fsystest.Write(t, m, "index.json", string(raw))
	require.NoError(t, editable(t, m, nil).DeleteTag(t.Context(), "v1"))
	require.Empty(t, blobs(t, m))
	require.Empty(t, whole(t, m))
}

// TestDeleteReferrer takes a signature out of the tag that lists it, and that away with the last one.
func TestDeleteReferrer(t *testing.T) {
	f, m := contenttest.NewImage(), memfs.New()
	require.NoError(t, fill(t.Context(), m, f, plain))
	before := blobs(t, m)
	subject := f.Root.Descriptor()
	tag := content.ReferrersTag(subject.Digest)
	var list v1.Index
	list.SchemaVersion, list.MediaType = 2, v1.MediaTypeImageIndex
	var docs []any
	for _, kind := range []string{"one", "two"} {
		doc := oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: fmt.Appendf(nil,
			`{"schemaVersion":2,"mediaType":%q,"artifactType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[],"subject":{"mediaType":%q,"digest":%q,"size":%d}}`,
			v1.MediaTypeImageManifest, kind, f.Blobs[0].Descriptor.MediaType, f.Blobs[0].Descriptor.Digest, f.Blobs[0].Descriptor.Size, subject.MediaType, subject.Digest, subject.Size)}
		list.Manifests = append(list.Manifests, doc.Descriptor())
		docs = append(docs, "", doc)
	}
	raw, err := json.Marshal(list)
	require.NoError(t, err)
	writeTags(t, m, append(docs, tag, oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: raw})...)
	for i, d := range list.Manifests {
		require.NoError(t, editable(t, m, nil).DeleteManifest(t.Context(), d.Digest))
		left := 0
		for _, err := range editable(t, m, nil).Referrers(t.Context(), subject.Digest) {
			require.NoError(t, err)
			left++
		}
		require.Equal(t, 1-i, left)
	}
	require.Equal(t, []string{"v1"}, names(t, m), "the list goes with the last one")
	require.Equal(t, before, blobs(t, m), "the lists as well")
}

// TestDeleteBesideWhatIsBroken deletes a manifest that cannot be read, and nothing while another one cannot be.
func TestDeleteBesideWhatIsBroken(t *testing.T) {
	f, m := contenttest.NewImage(), memfs.New()
	require.NoError(t, fill(t.Context(), m, f, plain))
	require.NoError(t, fill(t.Context(), m, withTag(contenttest.NewIndex(), "broken"), plain))
	name := layout.BlobPath(contenttest.NewIndex().Root.Digest())
	require.NoError(t, m.Remove(t.Context(), name))
	fsystest.Write(t, m, name, "{")
	before, all := indexOf(t, m), blobs(t, m)
	err := editable(t, m, nil).DeleteTag(t.Context(), "v1")
	require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
	require.Equal(t, before, indexOf(t, m))
	require.Equal(t, all, blobs(t, m))
	require.NoError(t, editable(t, m, nil).DeleteTag(t.Context(), "broken"))
	require.Equal(t, []string{"v1"}, names(t, m))
	require.Equal(t, map[string]oci.Document{"v1": f.Root}, whole(t, m))
}

// TestDeleteDuringCopy takes away what a copy had found to be there.
func TestDeleteDuringCopy(t *testing.T) {
	f, m := contenttest.NewImage(), memfs.New()
	require.NoError(t, fill(t.Context(), m, f, plain))
	s, err := layout.Create(t.Context(), m, "oci:x", clock.System{})
	require.NoError(t, err)
	for _, c := range f.Blobs {
		how, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
		require.Equal(t, content.Existed, how)
	}
	require.NoError(t, editable(t, m, nil).DeleteTag(t.Context(), "v1"))
	require.NoError(t, s.PutManifest(t.Context(), "again", f.Root))
	err = s.Commit(t.Context())
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	require.Empty(t, whole(t, m))
	require.NoError(t, fill(t.Context(), m, withTag(f, "again"), plain))
	require.Equal(t, map[string]oci.Document{"again": f.Root}, whole(t, m))
}

// TestDeleteCrashPoints fails, or ends, at every operation: what is left under a tag is whole each time.
func TestDeleteCrashPoints(t *testing.T) {
	index, image := contenttest.NewIndex(), withTag(contenttest.NewImage(), "docker")
	for _, stop := range []bool{false, true} {
		for n := int64(1); ; n++ {
			m := memfs.New()
			require.NoError(t, fill(t.Context(), m, index, plain))
			require.NoError(t, fill(t.Context(), m, image, plain))
			faults := &fsystest.Faults{At: n, Err: syscall.EIO, Stop: stop}
			err := editable(t, m, faults).DeleteTag(t.Context(), "v1")
			require.Equal(t, image.Root, whole(t, m)["docker"], "operation %d: %v", n, err)
			if !faults.Happened() {
				require.NoError(t, err)
				require.Equal(t, []string{"docker"}, names(t, m))
				break
			}
		}
	}
}
