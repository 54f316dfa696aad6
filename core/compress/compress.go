// Package compress detects and undoes the compressions of layers. It is the only package of core that imports a
// compression library.
package compress

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Kind names a compression.
type Kind string

// The kinds that Detect tells apart; the last two are recognised for a clear error only.
const (
	None  Kind = "none"
	Gzip  Kind = "gzip"
	Zstd  Kind = "zstd"
	Bzip2 Kind = "bzip2"
	XZ    Kind = "xz"
)

// PrefixLen is how many bytes Detect wants to see.
const PrefixLen = 6

// maxWindow bounds what a zstd frame can make the reader hold, in bytes: 8 MiB is what RFC 8878 section 3.1.1.1.2 asks
// every decoder to support, and zstd's own levels without --long stay within it; 32 MiB leaves room.
const maxWindow = 32 << 20

var magics = []struct {
	kind  Kind
	magic string
}{
	{Gzip, "\x1f\x8b\x08"},
	{Zstd, "\x28\xb5\x2f\xfd"},
	{Bzip2, "BZh"},
	{XZ, "\xfd7zXZ\x00"},
}

// Detect tells the compression from the first bytes of the content. A zstd file may start with a skippable frame, whose
// magic is 0x184D2A50 to 5F (RFC 8878 section 3.1.2).
func Detect(prefix []byte) Kind {
	for _, m := range magics {
		if bytes.HasPrefix(prefix, []byte(m.magic)) {
			return m.kind
		}
	}
	if len(prefix) >= 4 && prefix[0]&0xf0 == 0x50 && string(prefix[1:4]) == "\x2a\x4d\x18" {
		return Zstd
	}
	return None
}

// NewReader undoes the compression k. Content that ends too early is an error, never a silent EOF. Close releases
// buffers and does not close r.
func NewReader(r io.Reader, k Kind) (io.ReadCloser, error) {
	switch k {
	case None:
		return io.NopCloser(r), nil
	case Gzip:
		z, err := gzip.NewReader(r) // reads every member
		if err != nil {
			return nil, broken(k, err)
		}
		return &reader{k, z, z.Close}, nil
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, broken(k, err)
		}
		return &reader{k, z, func() error { z.Close(); return nil }}, nil
	}
	return nil, errs.New(errs.Unsupported, "", "is compressed with %s, which no image format allows", k)
}

// Auto detects the compression of r and undoes it. Close closes r as well.
func Auto(r io.ReadCloser) (io.ReadCloser, Kind, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	prefix, err := b.Peek(PrefixLen)
	if err != nil && err != io.EOF {
		_ = r.Close()
		return nil, None, err
	}
	k := Detect(prefix)
	z, err := NewReader(b, k)
	if err != nil {
		_ = r.Close()
		return nil, k, err
	}
	return &reader{k, z, func() error { return errors.Join(z.Close(), r.Close()) }}, k, nil
}

type reader struct {
	kind  Kind
	r     io.Reader
	close func() error
}

func (z *reader) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if err != nil && err != io.EOF {
		err = broken(z.kind, err)
	}
	return n, err
}

func (z *reader) Close() error { return z.close() }

// broken gives a decoder's error a kind; an error that has one already (the blob's own verification) stays as it is.
func broken(k Kind, err error) error {
	switch {
	case errs.Of(err) != errs.Internal:
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return errs.New(errs.Unsupported, "", "zstd frame needs a window of more than %d MiB", maxWindow>>20)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errs.New(errs.Verification, "", "%s data ends too early", k)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, zstd.ErrCRCMismatch), errors.Is(err, zstd.ErrMagicMismatch):
		return errs.New(errs.Verification, "", "%s data is broken: %v", k, err)
	}
	return errs.New(errs.Verification, "", "%s data: %w", k, err)
}
