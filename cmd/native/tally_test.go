package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTally(t *testing.T) {
	start := time.Unix(0, 0)
	var y tally
	require.Empty(t, y.String())
	y.grow(1_100_000_000)
	require.Equal(t, ", 0 B of 1.1 GB", y.String())
	y.add(100_000_000, false, start) // was there already
	require.Equal(t, ", 100.0 MB of 1.1 GB", y.String())
	y.add(20_000_000, true, start.Add(2*time.Second))
	require.Equal(t, ", 120.0 MB of 1.1 GB, 10.0 MB/s, 1m38s left", y.String())
	y.add(-20_000_000, true, start.Add(3*time.Second)) // a break, and begun anew
	y.add(30_000_000, true, start.Add(4*time.Second))
	require.Equal(t, ", 130.0 MB of 1.1 GB, 12.5 MB/s, 1m18s left", y.String())
	for at := range 40 {
		y.add(1_000_000, true, start.Add(time.Duration(5+at)*time.Second))
	}
	require.Equal(t, ", 170.0 MB of 1.1 GB, 1.0 MB/s, 15m30s left", y.String(), "the rate is that of the last seconds")
	require.LessOrEqual(t, len(y.samples), 12)
}

func TestLabel(t *testing.T) {
	require.Equal(t, "0123456789ab layer", label("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "layer"))
	require.Equal(t, "saved.tar", label("saved.tar", ""))
	require.Len(t, []rune(label("/a/very/long/name/of/an/archive/that/nobody/would/type/ever.tar", "")), 40)
}
