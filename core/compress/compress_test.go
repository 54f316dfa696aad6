package compress_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/errs"
)

func gz(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, s)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func zst(t testing.TB, s string, o ...zstd.EOption) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, o...)
	require.NoError(t, err)
	_, err = io.WriteString(w, s)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

const skippable = "\x5e\x2a\x4d\x18\x03\x00\x00\x00abc"

func auto(s string) (string, compress.Kind, error) {
	r, k, err := compress.Auto(io.NopCloser(iotest.OneByteReader(strings.NewReader(s))))
	if err != nil {
		return "", k, err
	}
	b, err := io.ReadAll(r)
	return string(b), k, errors.Join(err, r.Close())
}

func TestAuto(t *testing.T) {
	text := strings.Repeat("the same bytes again and again ", 10000)
	for _, c := range []struct {
		name, in, want string
		kind           compress.Kind
	}{
		{"empty", "", "", compress.None},
		{"one byte", "x", "x", compress.None},
		{"plain", text, text, compress.None},
		{"gzip", gz(t, text), text, compress.Gzip},
		{"gzip of nothing", gz(t, ""), "", compress.Gzip},
		{"gzip in members", gz(t, "a") + gz(t, "") + gz(t, "b"), "ab", compress.Gzip},
		{"zstd", zst(t, text), text, compress.Zstd},
		{"zstd in frames", zst(t, "a") + zst(t, "b"), "ab", compress.Zstd},
		{"zstd, skippable first", skippable + zst(t, "a"), "a", compress.Zstd},
		{"zstd, skippable last", zst(t, "a") + skippable + skippable, "a", compress.Zstd},
		{"half a magic", "\x1f\x8b", "\x1f\x8b", compress.None},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, kind, err := auto(c.in)
			require.NoError(t, err)
			require.Equal(t, c.kind, kind)
			require.Equal(t, c.want, got)
		})
	}
}

func TestTruncatedIsAnError(t *testing.T) {
	text := strings.Repeat("abcdefghij", 30)
	for name, whole := range map[string]string{"gzip": gz(t, text), "zstd": zst(t, text, zstd.WithEncoderCRC(true))} {
		for n := 4; n < len(whole); n++ {
			_, kind, err := auto(whole[:n])
			require.EqualValues(t, name, kind)
			require.Equal(t, errs.Verification, errs.Of(err), "%s cut at %d: %v", name, n, err)
		}
	}
}

func TestBrokenIsAnError(t *testing.T) {
	flip := func(s string, at int) string {
		b := []byte(s)
		b[at] ^= 0xff
		return string(b)
	}
	noise := make([]byte, 1000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	g, z := gz(t, string(noise)), zst(t, string(noise))
	for name, in := range map[string]string{
		"gzip content": flip(g, 500), "gzip sum": flip(g, len(g)-6), "zstd content": flip(z, 500), "zstd sum": flip(z, len(z)-1),
		"gzip with trailing bytes": g + "more", "zstd with trailing bytes": z + "more",
	} {
		_, _, err := auto(in)
		require.Equal(t, errs.Verification, errs.Of(err), "%s: %v", name, err)
	}
}

func TestUnsupported(t *testing.T) {
	for in, want := range map[string]compress.Kind{"BZh91AY&SY": compress.Bzip2, "\xfd7zXZ\x00\x00\x04": compress.XZ} {
		_, kind, err := auto(in)
		require.Equal(t, want, kind)
		require.Equal(t, errs.Unsupported, errs.Of(err))
		require.ErrorContains(t, err, string(want))
	}
}

// TestWindow: what the strongest setting of Go's encoder writes can be read; what needs more is refused by name, and
// reading stays well under 64 MiB of memory.
func TestWindow(t *testing.T) {
	noise := make([]byte, 40<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	small := zst(t, string(noise), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	big := zst(t, string(noise), zstd.WithWindowSize(64<<20))
	noise = nil
	runtime.GC()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := compress.NewReader(strings.NewReader(small), compress.Zstd)
	require.NoError(t, err)
	n, err := io.CopyN(io.Discard, r, 39<<20)
	require.NoError(t, err)
	require.EqualValues(t, 39<<20, n)
	runtime.GC()
	runtime.ReadMemStats(&during)
	require.Less(t, int64(during.HeapAlloc)-int64(before.HeapAlloc), int64(48<<20))
	require.NoError(t, r.Close())

	_, _, err = auto(big)
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.ErrorContains(t, err, "window of more than 32 MiB")
}

func TestErrorsOfTheBlobKeepTheirKind(t *testing.T) {
	whole := gz(t, strings.Repeat("abcdefghij", 30))
	for kind, cause := range map[errs.Kind]error{errs.Network: errs.New(errs.Network, "x", "gone"), errs.Cancelled: context.Canceled} {
		_, _, err := compress.Auto(io.NopCloser(iotest.ErrReader(cause)))
		require.Equal(t, kind, errs.Of(err))
		r, _, err := compress.Auto(io.NopCloser(io.MultiReader(strings.NewReader(whole[:20]), iotest.ErrReader(cause))))
		require.NoError(t, err)
		_, err = io.ReadAll(r)
		require.Equal(t, kind, errs.Of(err))
	}
}
