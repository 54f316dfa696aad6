package fsys

import (
	"context"
	"io"
)

// Pace reads r at most 64 KiB at a time, fails once ctx has ended, and calls yield, where there is one, after each read.
// It is for streams that come from no [File], such as what a decompressor makes of one.
func Pace(ctx context.Context, r io.Reader, yield func()) io.Reader { return &pacer{ctx, r, yield} }

type pacer struct {
	ctx   context.Context
	r     io.Reader
	yield func()
}

func (p *pacer) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b[:min(len(b), step)])
	if p.yield != nil {
		p.yield()
	}
	return n, err
}
