package layer_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/layer"
)

// TestWalkPaces sorts a large folder: that can be broken off before it is done.
func TestWalkPaces(t *testing.T) {
	const names = 5000
	v := layer.NewView()
	for i := range names {
		require.NoError(t, v.Add(layer.Entry{Path: fmt.Sprintf("flat/%d", i*7919%names), Type: layer.File, Index: i}))
	}
	_, err := v.EndLayer(func() error { return nil })
	require.NoError(t, err)

	asked, yielded := 0, 0
	count := func(layer.Name) bool { yielded++; return true }
	err = v.Walk(func() error {
		if asked++; asked > 1000 {
			return context.Canceled
		}
		return nil
	}, count)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1001, asked)
	require.LessOrEqual(t, yielded, 1, "the folder itself")

	asked, yielded = 0, 0
	require.NoError(t, v.Walk(func() error { asked++; return nil }, count))
	require.Equal(t, names+1, yielded)
	require.Greater(t, asked, 2*names)

	yielded = 0
	require.NoError(t, v.Walk(func() error { return nil }, func(layer.Name) bool { yielded++; return yielded < 10 }))
	require.Equal(t, 10, yielded)
}
