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
	// rest is what was not read yet of the blob, as stored: at its end the blob is verified.
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
	if err == nil || err == io.EOF || !p.mayGoOn(err) {
		return n, err
	}
	if err := p.giveUp(); err != nil || n > 0 {
		return n, err
	}
	return p.ours.Read(b)
}

// Skipper is what a decompressor of the host's may be besides: one that passes over content without handing it out.
type Skipper interface {
	// Skip passes over n bytes. It returns how many they were, and an error where they are fewer, io.EOF at the end.
	Skip(n int64) (int64, error)
}

// Seek moves on from where reading is, as tar.Reader does over the content of files. Like those of files it lets the next Read
// tell that there is no such place. Kind unsupported where that would be no faster than reading.
func (p *hosted) Seek(offset int64, whence int) (int64, error) {
	z, ok := p.z.(Skipper)
	if !ok || p.ours != nil || whence != io.SeekCurrent || offset < 0 {
		return 0, errs.New(errs.Unsupported, "", "cannot seek here")
	}
	if offset == 0 {
		return p.done, nil
	}
	to := p.done + offset
	n, err := z.Skip(offset)
	p.done += n
	if err == nil || err == io.EOF {
		return to, nil
	}
	if !p.mayGoOn(err) {
		return 0, err
	}
	p.done = to
	if err := p.giveUp(); err != io.EOF {
		return to, err
	}
	return to, nil
}

// mayGoOn says whether it was the host that failed, and not what it reads.
func (p *hosted) mayGoOn(err error) bool { return p.ctx.Err() == nil && errs.Of(err) == errs.Internal }

// giveUp starts over with a decompressor of ours, and skips what was read already.
func (p *hosted) giveUp() error {
	_ = p.close()
	again, err := openOurs(p.ctx, p.blob, Options{Yield: p.o.Yield})
	if err != nil {
		return err
	}
	p.ours = again
	skipped := &pacer{ctx: p.ctx, yield: p.o.Yield}
	_, err = io.CopyN(io.Discard, paced{skipped, again}, p.done) // io.EOF where there is less
	return err
}

func (p *hosted) rest() io.Reader {
	if p.ours != nil {
		return p.ours.rest()
	}
	return p.raw
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
