package transport_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// TestReferrersInLayouts finds what oras and regctl attach, each in its own way, and writes what oras discovers.
func TestReferrersInLayouts(t *testing.T) {
	m, from, dir := writerOf(t), harbor(t), t.TempDir()
	amd64 := walk(t, m, "oci:"+from+":amd64")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "note.txt"), []byte("a note"), 0o600))
	attached := func(typed string) (types []string) {
		t.Helper()
		r, err := ref.Parse(typed)
		require.NoError(t, err)
		s, err := m.Open(t.Context(), r)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		l, ok := content.As[content.ReferrerLister](s)
		require.True(t, ok)
		for d, err := range l.Referrers(t.Context(), amd64.root) {
			require.NoError(t, err)
			types = append(types, d.ArtifactType)
			_, err := s.Manifest(t.Context(), d.Digest.String())
			require.NoError(t, err)
		}
		return types
	}
	for _, layout := range []string{"plain", "oras", "regctl"} {
		transfer(t, m, "oci:"+from+":amd64", "oci:"+dir+"/"+layout+":v1")
	}
	require.Empty(t, attached("oci:"+dir+"/plain:v1"))
	run(t, dir, "oras", "attach", "--oci-layout", "--artifact-type", "application/vnd.example.note", "oras:v1", "note.txt")
	require.Equal(t, []string{"application/vnd.example.note"}, attached("oci:"+dir+"/oras:v1"))
	run(t, dir, "regctl", "artifact", "put", "--artifact-type", "application/vnd.example.other", "--file", "note.txt", "--subject", "ocidir://regctl:v1")
	require.Equal(t, []string{"application/vnd.example.other"}, attached("oci:"+dir+"/regctl:v1"))

	r, err := ref.Parse("oci:" + dir + "/oras:v1")
	require.NoError(t, err)
	src, err := m.Open(t.Context(), r)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	r, err = ref.Parse("oci:" + dir + "/plain:v1")
	require.NoError(t, err)
	dst, err := m.Create(t.Context(), r)
	require.NoError(t, err)
	l, _ := content.As[content.ReferrerLister](src)
	for d := range l.Referrers(t.Context(), amd64.root) {
		doc, err := src.Manifest(t.Context(), d.Digest.String())
		require.NoError(t, err)
		manifest, err := doc.Manifest()
		require.NoError(t, err)
		for _, b := range append(manifest.Layers, manifest.Config) {
			_, err := dst.PutBlob(t.Context(), src.Blob(b))
			require.NoError(t, err)
		}
		require.NoError(t, dst.PutManifest(t.Context(), "", oci.Document{MediaType: doc.MediaType, Raw: doc.Raw}))
	}
	require.NoError(t, dst.Commit(t.Context()))
	require.NoError(t, dst.Close())
	require.Contains(t, run(t, dir, "oras", "discover", "--oci-layout", "plain:v1"), "application/vnd.example.note")
	require.Equal(t, amd64, walk(t, m, "oci:"+dir+"/plain:v1"), "the tag stays what it was")
	require.Equal(t, amd64, walk(t, m, "oci:"+dir+"/plain"), "and what is meant when nothing is named")
}
