package fsys

import (
	"context"
	"io"

	"github.com/stevedore-oci/stevedore/core/oci"
)

// NewReader reads f from offset (bytes) to its end, for one goroutine. Reads fail once ctx has ended; Close closes f.
func NewReader(ctx context.Context, f File, offset int64) io.ReadCloser {
	return &reader{ctx, f, offset}
}

type reader struct {
	ctx context.Context
	f   File
	at  int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.f.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil // the next Read says so; what follows a short read may still grow
	}
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }

// ReadFile reads a small file whole. It fails with kind input when the file has more than limit bytes; other errors are
// those of dir.
func ReadFile(ctx context.Context, dir Dir, name string, limit int64) ([]byte, error) {
	f, err := dir.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	r := NewReader(ctx, f, 0)
	defer func() { _ = r.Close() }()
	return oci.ReadLimited(r, limit, name)
}
