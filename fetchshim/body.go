package fetchshim

import (
	"bytes"
	"context"
	"io"
)

// Bytes is a Body held in memory, for small ones.
type Bytes []byte

// Len returns the number of bytes.
func (b Bytes) Len() int64 { return int64(len(b)) }

// Open reads the bytes from the start.
func (b Bytes) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b)), nil
}

// BodyFunc is a Body whose content a function opens.
type BodyFunc struct {
	Size int64 // bytes, or -1 where not known
	From func(ctx context.Context) (io.ReadCloser, error)
}

// Len returns Size.
func (b BodyFunc) Len() int64 { return b.Size }

// Open calls From.
func (b BodyFunc) Open(ctx context.Context) (io.ReadCloser, error) { return b.From(ctx) }
