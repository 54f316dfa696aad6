package compress_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// FuzzAuto: whatever the bytes, reading ends with EOF or an error that has a kind.
func FuzzAuto(f *testing.F) {
	for _, s := range []string{gz(f, "some text"), gz(f, "a") + gz(f, "b"), zst(f, "some text"), skippable + zst(f, "a"), "plain", "BZh91AY&SY", "\x1f\x8b\b\x00000000", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd\x00\x38\x02\x00\x10\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, kind, err := compress.Auto(io.NopCloser(bytes.NewReader(b)))
		if err == nil {
			_, err = io.CopyN(io.Discard, r, 16<<20)
			require.NoError(t, r.Close())
		}
		if err != nil && err != io.EOF {
			require.NotEqual(t, errs.Internal, errs.Of(err), "%s: %v", kind, err)
		}
		require.False(t, kind == compress.None && err != nil && err != io.EOF)
	})
}
