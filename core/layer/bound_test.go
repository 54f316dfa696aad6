package layer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

// fill adds entries until the view refuses one, and returns how many it took.
func fill(t *testing.T, v *layer.View, entry func(i int) layer.Entry) int {
	t.Helper()
	for i := range 1_000_000 {
		if err := v.Add(entry(i)); err != nil {
			require.Equal(t, errs.Input, errs.Of(err))
			require.ErrorContains(t, err, "more or longer paths than fit into 10 MiB")
			return i
		}
	}
	t.Fatal("the view takes everything")
	return 0
}

func TestTreesAreBounded(t *testing.T) {
	const limit = 10 << 20
	long := strings.Repeat("n", 4000)
	for name, entry := range map[string]func(i int) layer.Entry{
		"names":      func(i int) layer.Entry { return layer.Entry{Path: fmt.Sprint("d/", i), Type: layer.File} },
		"long names": func(i int) layer.Entry { return layer.Entry{Path: fmt.Sprint(i, long), Type: layer.File} },
		"directories": func(i int) layer.Entry {
			return layer.Entry{Path: fmt.Sprint(i, strings.Repeat("/d", 1500)), Type: layer.File}
		},
		"links": func(i int) layer.Entry { return layer.Entry{Path: fmt.Sprint(i), Type: layer.Symlink, Link: long} },
		"hard links": func(i int) layer.Entry {
			return layer.Entry{Path: fmt.Sprint(strings.Repeat("d/", 1500), i), Type: layer.Hardlink, Link: "nowhere"}
		},
		"xattrs": func(i int) layer.Entry {
			return layer.Entry{Path: fmt.Sprint(i), Type: layer.File, Xattrs: []string{long, long}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			lower := layer.NewView()
			lower.SetLimit(limit)
			n := fill(t, lower, entry)
			require.Less(t, n, 60_000)
			upper := layer.NewView()
			upper.SetLimit(limit)
			_, err := upper.EndLayer(keepOn)
			require.NoError(t, err)
			require.InDelta(t, n, fill(t, upper, entry), float64(limit/200), "what waits for its layer's end counts too")
		})
	}
	t.Run("whiteouts", func(t *testing.T) {
		v := layer.NewView()
		v.SetLimit(limit)
		_, err := v.EndLayer(keepOn)
		require.NoError(t, err)
		fill(t, v, func(i int) layer.Entry { return layer.Entry{Path: fmt.Sprint(i, long), Type: layer.Whiteout} })
	})
}

// TestWhatIsGoneIsNotCounted: an image may rewrite and remove its files in as many layers as it likes.
func TestWhatIsGoneIsNotCounted(t *testing.T) {
	v := layer.NewView()
	v.SetLimit(1 << 20)
	var held []int64
	for round := range 100 {
		if round%3 == 1 {
			require.NoError(t, v.Add(layer.Entry{Path: "d", Type: layer.Whiteout}))
		}
		if round%3 == 2 {
			require.NoError(t, v.Add(layer.Entry{Path: "d", Type: layer.Opaque}))
		}
		for i := range 1000 {
			require.NoError(t, v.Add(layer.Entry{Path: fmt.Sprint("d/", i%7, "/", i), Type: layer.File}))
		}
		_, err := v.EndLayer(keepOn)
		require.NoError(t, err)
		held = append(held, v.Held())
	}
	require.Equal(t, held[0], held[99])
	require.NoError(t, v.Add(layer.Entry{Path: "d", Type: layer.File}))
	_, err := v.EndLayer(keepOn)
	require.NoError(t, err)
	require.Less(t, v.Held(), int64(1000), "a file in the place of a folder")
}

// TestLinksThatLeadFarAreBounded: each path passes forty links of a thousand components.
func TestLinksThatLeadFarAreBounded(t *testing.T) {
	v := layer.NewView()
	far := strings.Repeat("../", 1000)
	require.NoError(t, v.Add(layer.Entry{Path: "l0", Type: layer.Symlink, Link: far}))
	for i := range 39 {
		require.NoError(t, v.Add(layer.Entry{Path: fmt.Sprint("l", i+1), Type: layer.Symlink, Link: far + fmt.Sprint("l", i)}))
	}
	for i := range 100_000 {
		if err := v.Add(layer.Entry{Path: fmt.Sprint("l39/f", i), Type: layer.File}); err != nil {
			require.Equal(t, errs.Input, errs.Of(err))
			require.ErrorContains(t, err, "symbolic links lead through more than")
			return
		}
	}
	t.Fatal("the view walks on for ever")
}
