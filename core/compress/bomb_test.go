package compress

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// rle is a zstd frame that makes 128 KiB of every four bytes (RFC 8878 section 3.1.1.2).
func rle(blocks int) []byte {
	b := []byte("\x28\xb5\x2f\xfd\x00\x38")
	for i := range blocks {
		h := uint32(128<<10)<<3 | 1<<1
		if i == blocks-1 {
			h |= 1
		}
		b = append(b, byte(h), byte(h>>8), byte(h>>16), 0)
	}
	return b
}

// TestBombs stops what no deflate could expand to, and nothing else; a real limit of 16 GiB would take its time.
func TestBombs(t *testing.T) {
	expand := func(stored []byte, k Kind, free int64) (int64, error) {
		z, err := NewReader(bytes.NewReader(stored), k)
		require.NoError(t, err)
		defer z.Close()
		require.EqualValues(t, maxFree, z.(*reader).free)
		z.(*reader).free = free
		return io.CopyBuffer(struct{ io.Writer }{io.Discard}, z, make([]byte, 64<<10))
	}
	n, err := expand(rle(1000), Zstd, 100<<20)
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "bytes of zstd expand to more than 0 GiB")
	require.LessOrEqual(t, n, int64(101<<20))
	_, err = expand(rle(1000), Zstd, 200<<20)
	require.NoError(t, err)

	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	require.NoError(t, err)
	_, err = io.CopyN(w, zeroes{}, 64<<20)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	n, err = expand(b.Bytes(), Gzip, 0)
	require.NoError(t, err, "the most that gzip can do")
	require.EqualValues(t, 64<<20, n)
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }
