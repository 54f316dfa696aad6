package mem_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/mem"
)

func TestSuite(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		t.Run(name, func(t *testing.T) {
			contenttest.Sink(t, func(*testing.T) contenttest.SinkUnderTest {
				r := mem.New()
				return contenttest.SinkUnderTest{Sink: r.Sink(), Source: func() (content.Source, error) { return r, nil }}
			}, f)
		})
	}
}

func TestTagsMove(t *testing.T) {
	r, f := mem.New(), contenttest.NewIndex()
	put := func(tag string, i int) {
		s := r.Sink()
		require.NoError(t, s.PutManifest(t.Context(), tag, f.Children[i]))
		require.NoError(t, s.Commit(t.Context()))
		require.NoError(t, s.Close())
	}
	put("a", 0)
	put("b", 1)
	_, err := r.Manifest(t.Context(), "")
	require.Equal(t, errs.Input, errs.Of(err), "two tags, neither is latest")
	put("a", 1)
	got, err := r.Manifest(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, f.Children[1], got)
	put("latest", 0)
	got, err = r.Manifest(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, f.Children[0], got)
	require.Equal(t, errs.Input, errs.Of(r.Sink().PutManifest(t.Context(), "not a tag", f.Root)))
}
