package layer

import (
	"bufio"
	"context"
	"io"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// plain is the decompressed content of a blob.
type plain interface {
	io.ReadCloser
	// rest is what has to be read for the whole blob to be read and so verified.
	rest() io.Reader
}

func openPlain(ctx context.Context, b content.Blob, o Options) (plain, error) {
	if o.Gunzip == nil {
		return openOurs(ctx, b, o)
	}
	raw, err := openCounted(ctx, b, o)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(raw, quantum)
	prefix, err := in.Peek(compress.PrefixLen)
	if err == nil && compress.Detect(prefix) == compress.Gzip {
		z, err := o.Gunzip(ctx, in)
		if err == nil {
			return &hosted{ctx: ctx, blob: b, o: o, z: z, raw: raw}, nil
		}
	}
	_ = raw.Close()
	return openOurs(ctx, b, o)
}

func openCounted(ctx context.Context, b content.Blob, o Options) (*counter, error) {
	raw, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &counter{ReadCloser: raw, progress: o.Progress}, nil
}

// ours is decompressed by this program.
type ours struct {
	io.ReadCloser
	raw *counter
}

func openOurs(ctx context.Context, b content.Blob, o Options) (plain, error) {
	raw, err := openCounted(ctx, b, o)
	if err != nil {
		return nil, err
	}
	z, _, err := compress.Auto(raw)
	return ours{z, raw}, err
}

func (p ours) rest() io.Reader { return p.raw }

// hosted is decompressed by the host, as long as that understands it.
type hosted struct {
	ctx  context.Context
	blob content.Blob
	o    Options
	z    io.ReadCloser
	raw  *counter
	done int64
	ours plain // since the host gave up
}

func (p *hosted) Read(b []byte) (int, error) {
	if p.ours != nil {
		return p.ours.Read(b)
	}
	n, err := p.z.Read(b)
	p.done += int64(n)
	if err == nil || err == io.EOF || p.ctx.Err() != nil || errs.Of(err) != errs.Internal {
		return n, err
	}
	if err := p.giveUp(); err != nil || n > 0 {
		return n, err
	}
	return p.ours.Read(b)
}

// giveUp starts over with a decompressor of ours, and skips what was read already.
func (p *hosted) giveUp() error {
	_ = p.close()
	again, err := openOurs(p.ctx, p.blob, Options{Yield: p.o.Yield})
	if err != nil {
		return err
	}
	p.ours = again
	skipped := &pacer{ctx: p.ctx, yield: p.o.Yield}
	_, err = io.CopyN(io.Discard, paced{skipped, again}, p.done)
	return err
}

// rest is what the host has not decompressed yet, and then what follows that in the blob.
func (p *hosted) rest() io.Reader {
	if p.ours != nil {
		return p.ours.rest()
	}
	return io.MultiReader(p, restOf{p})
}

type restOf struct{ *hosted }

func (r restOf) Read(b []byte) (int, error) {
	if r.ours != nil {
		return r.ours.rest().Read(b)
	}
	return r.raw.Read(b)
}

func (p *hosted) Close() error {
	if p.ours != nil {
		return p.ours.Close()
	}
	return p.close()
}

func (p *hosted) close() error {
	_ = p.z.Close()
	return p.raw.Close()
}
