package archive

import (
	"context"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// waiting are the blobs that an archive will have.
type waiting struct {
	spool *store.Store // nil for none

	mu    sync.Mutex
	blobs map[digest.Digest]content.Blob // as they are opened for the archive
}

func newWaiting(dir fsys.WritableDir) *waiting {
	w := &waiting{blobs: map[digest.Digest]content.Blob{}}
	if dir != nil {
		w.spool = store.NewWith(dir, store.Options{Unsynced: true})
	}
	return w
}

func (w *waiting) put(ctx context.Context, b content.Blob) (how content.How, err error) {
	d := b.Descriptor()
	if err := oci.CheckDescriptor(d); err != nil {
		return "", err
	}
	if _, ok := w.get(d.Digest); ok {
		return content.Existed, ctx.Err()
	}
	how = content.Stored
	filer, isFile := content.As[fsys.Filer](b)
	switch {
	case w.spool == nil:
	case isFile:
		b, err = verified(ctx, b, filer)
	default:
		how, err = store.Put(ctx, w.spool, b)
		b = spooledBlob{w.spool, d}
	}
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blobs[d.Digest] = b
	return how, ctx.Err()
}

// verified reads a blob that lies in a file. It is not copied to wait, since it can be read there again.
func verified(ctx context.Context, b content.Blob, f fsys.Filer) (content.Blob, error) {
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	return fileBlob{f, b.Descriptor()}, nil
}

// fileBlob is a blob that was verified where it lies.
type fileBlob struct {
	f fsys.Filer
	d v1.Descriptor
}

func (b fileBlob) Descriptor() v1.Descriptor { return b.d }

func (b fileBlob) Open(ctx context.Context) (io.ReadCloser, error) {
	f, err := b.f.File(ctx)
	if err != nil {
		return nil, err
	}
	return fsys.NewReader(ctx, f, 0), nil
}

func (w *waiting) all() []content.Blob {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]content.Blob, 0, len(w.blobs))
	for _, b := range w.blobs {
		out = append(out, b)
	}
	return out
}

// get returns a blob that was put.
func (w *waiting) get(d digest.Digest) (content.Blob, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.blobs[d]
	return b, ok
}

func (w *waiting) check(ctx context.Context, d v1.Descriptor) error {
	if w.spool == nil {
		return errs.New(errs.NotFound, d.Digest.String(), "is not there yet")
	}
	return w.spool.CheckBlob(ctx, d)
}

// spooledBlob is a blob that was verified on its way into the spool.
type spooledBlob struct {
	spool *store.Store
	d     v1.Descriptor
}

func (b spooledBlob) Descriptor() v1.Descriptor { return b.d }

func (b spooledBlob) Open(ctx context.Context) (io.ReadCloser, error) {
	return b.spool.Open(ctx, b.d.Digest, 0)
}
