package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestByteCount(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1500000": 1_500_000, "1.5M": 1_500_000, "10MB": 10_000_000, "512KiB": 512 << 10, "512k": 512_000, "512K": 512_000,
		"2Gi": 2 << 30, "1T": 1_000_000_000_000, "7B": 7, "-5": -5, "1e6": 1_000_000,
	} {
		var b byteCount
		require.NoError(t, b.Set(text), text)
		require.EqualValues(t, want, b, text)
	}
	for _, text := range []string{"", "B", "i", "iB", "M", "10X", "10 M", "1Mk", "5i", "NaN", "Inf", "1e30", "0x10", "1_000", "ten"} {
		var b byteCount
		require.Error(t, b.Set(text), text)
	}
}
