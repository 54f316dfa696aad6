package xfer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

func TestSelection(t *testing.T) {
	tags := []string{"1.0", "1.10.2", "1.9", "2.0.0-rc.1", "v2.0.0", "3", "latest", "edge"}
	for _, c := range []struct {
		s    xfer.Selection
		want []string
	}{
		{xfer.Selection{}, tags},
		{xfer.Selection{Include: []string{"1.*", "e*"}}, []string{"1.0", "1.10.2", "1.9", "edge"}},
		{xfer.Selection{Include: []string{"1.*"}, Exclude: []string{"*.9"}}, []string{"1.0", "1.10.2"}},
		{xfer.Selection{Match: `\d+`}, []string{"3"}},
		{xfer.Selection{Match: `a|latest`}, []string{"latest"}},
		{xfer.Selection{Semver: ">=1.9 <3"}, []string{"1.10.2", "1.9", "v2.0.0"}},
		{xfer.Selection{Semver: ">=2.0.0-0 <3"}, []string{"2.0.0-rc.1", "v2.0.0"}},
		{xfer.Selection{Newest: 2}, []string{"v2.0.0", "3"}},
		{xfer.Selection{Newest: 2, Semver: "1"}, []string{"1.10.2", "1.9"}},
		{xfer.Selection{Newest: 7}, []string{"1.0", "1.10.2", "1.9", "2.0.0-rc.1", "v2.0.0", "3", "latest"}},
		{xfer.Selection{Include: []string{"none"}}, nil},
	} {
		got, err := c.s.Tags(tags)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c.s)
	}
	_, err := xfer.Selection{Newest: -1}.Tags(tags)
	require.Equal(t, errs.Input, errs.Of(err))
}

func TestShard(t *testing.T) {
	for _, bad := range []string{"0/3", "4/3", "1", "a/b", "1/0", "-1/2"} {
		_, err := xfer.ParseShard(bad)
		require.Equal(t, errs.Input, errs.Of(err), bad)
	}
	counts := make([]int, 4)
	for i := range 1000 {
		for n := range counts {
			s, err := xfer.ParseShard(fmt.Sprintf("%d/%d", n+1, len(counts)))
			require.NoError(t, err)
			if s.Has(fmt.Sprint("docker://r.example/app:", i)) {
				counts[n]++
			}
		}
	}
	total := 0
	for _, c := range counts {
		require.Greater(t, c, 150, "the parts are about equal")
		total += c
	}
	require.Equal(t, 1000, total)
}
