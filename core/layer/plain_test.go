package layer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

// member compresses one member of a gzip file.
func member(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// browserLike takes one member, and refuses what follows it.
type browserLike struct {
	*gzip.Reader
	in io.Reader
}

func (z browserLike) Read(p []byte) (int, error) {
	n, err := z.Reader.Read(p)
	if err == io.EOF {
		if k, _ := io.CopyN(io.Discard, z.in, 1); k > 0 {
			return n, errors.New("junk found after end of compressed data")
		}
	}
	return n, err
}

func TestHostGunzips(t *testing.T) {
	archive := pack(t, "a/ a/x=1 b=22 c>b d=444")
	whole := member(t, archive)
	two := append(member(t, archive[:700]), member(t, archive[700:])...)
	var used int
	o := layer.Options{Gunzip: func(_ context.Context, r io.Reader) (io.ReadCloser, error) {
		used++
		in := r.(io.ByteReader)
		z, err := gzip.NewReader(r)
		require.NoError(t, err)
		z.Multistream(false)
		return browserLike{z, in.(io.Reader)}, nil
	}}
	for name, b := range map[string]blob{"one member": whole, "two": two, "not compressed": blob(archive), "trailing bytes": append(bytes.Clone(two), 0, 0, 0)} {
		r, err := layer.Open(t.Context(), b, o)
		require.NoError(t, err, name)
		var got []string
		for {
			e, err := r.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err, name)
			content, err := io.ReadAll(r)
			require.NoError(t, err, name)
			got = append(got, e.Path+"="+string(content))
		}
		require.NoError(t, r.Close())
		require.Equal(t, []string{"a=", "a/x=1", "b=22", "c=", "d=444"}, got, name)
	}
	require.Equal(t, 3, used)
}

// skipping is browserLike that passes over content.
type skipping struct {
	browserLike
	skips *int
}

func (z skipping) Skip(n int64) (int64, error) {
	*z.skips++
	return io.CopyN(io.Discard, z.browserLike, n)
}

// TestHostSkips: what nobody reads is passed over, also where the host gives up in the midst of it or the content ends.
func TestHostSkips(t *testing.T) {
	noise := make([]byte, 30_000)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	archive := pack(t, "a/ a/x=1 big="+hex.EncodeToString(noise)+" c>b d=444")
	skips := 0
	o := layer.Options{Gunzip: func(_ context.Context, r io.Reader) (io.ReadCloser, error) {
		z, err := gzip.NewReader(r)
		require.NoError(t, err)
		z.Multistream(false)
		return skipping{browserLike{z, r}, &skips}, nil
	}}
	read := func(b blob, o layer.Options) (got []layer.Entry, err error) {
		r, err := layer.Open(t.Context(), b, o)
		require.NoError(t, err)
		defer r.Close()
		for {
			e, err := r.Next()
			if err != nil {
				return got, err
			}
			got = append(got, e)
		}
	}
	for name, b := range map[string]blob{
		"one member": member(t, archive), "two": append(member(t, archive[:30_000]), member(t, archive[30_000:])...),
		"cut off": member(t, archive[:30_000]), "cut off in the stored bytes": member(t, archive)[:20_000],
	} {
		skips = 0
		want, wantErr := read(b, layer.Options{})
		got, err := read(b, o)
		require.Equal(t, want, got, name)
		require.EqualError(t, err, wantErr.Error(), name)
		require.Positive(t, skips, name)
	}
}

// cut is a blob that breaks off, with an error that has a kind.
type cut struct{ blob }

func (c cut) Open(context.Context) (io.ReadCloser, error) {
	broken := errs.New(errs.Network, "", "it broke off")
	return io.NopCloser(io.MultiReader(bytes.NewReader(c.blob[:len(c.blob)/2]), brokenOff{broken})), nil
}

type brokenOff struct{ err error }

func (f brokenOff) Read([]byte) (int, error) { return 0, f.err }

func TestHostTellsWhatBroke(t *testing.T) {
	o := layer.Options{Gunzip: func(_ context.Context, r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }}
	r, err := layer.Open(t.Context(), cut{member(t, pack(t, "a=1 b=2 c=3"))}, o)
	for err == nil {
		_, err = r.Next()
	}
	require.Equal(t, errs.Network, errs.Of(err))
}

// flipped is a blob in which one bit is another one than when its digest was taken.
type flipped struct {
	blob
	bit int
}

func (f flipped) Open(context.Context) (io.ReadCloser, error) {
	b := bytes.Clone(f.blob)
	b[f.bit/8] ^= 1 << (f.bit % 8)
	return content.Verify(io.NopCloser(bytes.NewReader(b)), f.Descriptor())
}

// TestDamageIsTold: whatever a bit makes of a layer, it is the bytes that are wrong, and not the image.
func TestDamageIsTold(t *testing.T) {
	archive := pack(t, "a/ a/x=1 b=22 c>b d=444")
	host := func(_ context.Context, r io.Reader) (io.ReadCloser, error) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, errors.New("not for me")
		}
		z.Multistream(false)
		return browserLike{z, r}, nil
	}
	for name, o := range map[string]layer.Options{"ours": {}, "the host's": {Gunzip: host}} {
		for _, b := range []blob{archive, member(t, archive)} {
			for at := range b {
				r, err := layer.Open(t.Context(), flipped{b, 8*at + at%8}, o)
				for err == nil {
					_, err = r.Next()
				}
				require.Equal(t, errs.Verification, errs.Of(err), "%s, byte %d: %v", name, at, err)
			}
		}
	}
}
