package xfer

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// embedded is a blob whose content stands in its descriptor.
type embedded struct{ d v1.Descriptor }

func (e embedded) Descriptor() v1.Descriptor {
	d := e.d
	d.Data = nil
	return d
}

func (e embedded) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(e.d.Data)), nil
}

func (m *mover) started(d v1.Descriptor) {
	what := "blob"
	switch {
	case oci.IsLayer(d.MediaType):
		what = "layer"
	case oci.IsImageConfig(d.MediaType):
		what = "config"
	}
	m.o.Event(event.Event{Kind: event.Started, Subject: d.Digest.String(), Total: d.Size, Message: what})
}

func (m *mover) finished(d v1.Descriptor, how content.How) {
	m.o.Event(event.Event{Kind: event.Finished, Subject: d.Digest.String(), Done: d.Size, Total: d.Size, Message: string(how)})
}

// meter makes b tell of its progress, keep to the rate and yield.
func (m *mover) meter(b content.Blob) content.Blob {
	w := metered{b, m}
	if r, ok := content.As[content.RangeOpener](b); ok {
		return meteredRange{w, r}
	}
	return w
}

type metered struct {
	content.Blob
	m *mover
}

// Unwrap lets sinks find where the blob comes from.
func (b metered) Unwrap() any { return b.Blob }

func (b metered) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := b.Blob.Open(ctx)
	if err != nil {
		return nil, atSource(ctx, err)
	}
	return b.read(ctx, r, 0), nil
}

func (b metered) read(ctx context.Context, r io.ReadCloser, from int64) io.ReadCloser {
	return &meter{ctx: ctx, r: r, m: b.m, d: b.Descriptor(), done: from}
}

type meteredRange struct {
	metered
	opener content.RangeOpener
}

func (b meteredRange) OpenAt(ctx context.Context, offset int64) (io.ReadCloser, error) {
	r, err := b.opener.OpenAt(ctx, offset)
	if err != nil {
		return nil, atSource(ctx, err)
	}
	return b.read(ctx, r, offset), nil
}

// atSource marks an error of the source, but for one that only says that the copy has ended.
func atSource(ctx context.Context, err error) error {
	if err == nil || err == io.EOF || ctx.Err() != nil {
		return err
	}
	return content.AtSource(err)
}

const (
	piece    = 64 << 10 // bytes between two yields
	interval = 100 * time.Millisecond
)

type meter struct {
	ctx  context.Context
	r    io.ReadCloser
	m    *mover
	d    v1.Descriptor
	done int64
	told time.Time
}

func (r *meter) Read(p []byte) (int, error) {
	yield := r.m.o.Yield
	if yield != nil {
		p = p[:min(len(p), piece)]
	}
	n, err := r.r.Read(p)
	r.done += int64(n)
	if yield != nil {
		yield()
	}
	if now := r.m.o.Clock.Now(); now.Sub(r.told) >= interval {
		r.told = now
		r.m.o.Event(event.Event{Kind: event.Progress, Subject: r.d.Digest.String(), Done: r.done, Total: r.d.Size})
	}
	if werr := r.m.limit.wait(r.ctx, n); werr != nil {
		return n, werr
	}
	return n, atSource(r.ctx, err)
}

func (r *meter) Close() error { return r.r.Close() }

// limiter spreads reads over time so that no more than rate bytes come in a second.
type limiter struct {
	o Options

	mu   sync.Mutex
	free time.Time // when the next byte may come
}

func newLimiter(o Options) *limiter { return &limiter{o: o} }

func (l *limiter) wait(ctx context.Context, n int) error {
	if l.o.MaxRate <= 0 || n == 0 {
		return nil
	}
	l.mu.Lock()
	now := l.o.Clock.Now()
	if l.free.Before(now) {
		l.free = now
	}
	pause := l.free.Sub(now)
	l.free = l.free.Add(time.Duration(float64(n) / float64(l.o.MaxRate) * float64(time.Second)))
	l.mu.Unlock()
	if pause <= 0 {
		return nil
	}
	return l.o.Clock.Sleep(ctx, pause)
}
