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

// Bounds on what content may expand to: more than maxFree bytes (16 GiB) only up to maxRatio times what is stored. Deflate
// makes 1032 bytes of one at most (https://zlib.net/zlib_tech.html), so this stops zstd, which makes 128 KiB of four.
const (
	maxFree  = 16 << 30
	maxRatio = 1100
)

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

// NewReader undoes the compression k. Content that ends too early is an error, never a silent EOF, and so is content that
// expands beyond all measure. Close releases buffers and does not close r.
func NewReader(r io.Reader, k Kind) (io.ReadCloser, error) {
	in := &counter{r: r}
	switch k {
	case None:
		return io.NopCloser(r), nil
	case Gzip:
		z, err := gzip.NewReader(in) // reads every member
		if err != nil {
			return nil, broken(k, err)
		}
		return &reader{kind: k, r: z, in: in, free: maxFree, close: func() {}}, nil // its Close only says again what Read said
	case Zstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, broken(k, err)
		}
		return &reader{kind: k, r: z, in: in, free: maxFree, close: z.Close}, nil
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
	return closer{z, func() error { return errors.Join(z.Close(), r.Close()) }}, k, nil
}

type closer struct {
	io.Reader
	close func() error
}

func (c closer) Close() error { return c.close() }

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

type reader struct {
	kind  Kind
	r     io.Reader
	in    *counter
	out   int64
	free  int64 // how much may come out whatever went in
	close func()
}

func (z *reader) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	if z.out += int64(n); z.out > z.free && z.out/maxRatio > z.in.n {
		return 0, errs.New(errs.Input, "", "%d bytes of %s expand to more than %d GiB", z.in.n, z.kind, z.free>>30)
	}
	if err != nil && err != io.EOF {
		err = broken(z.kind, err)
	}
	return n, err
}

func (z *reader) Close() error {
	z.close()
	return nil
}

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
