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
		w.spool = store.New(dir)
	}
	return w
}

func (w *waiting) put(ctx context.Context, b content.Blob) (how content.How, err error) {
	d := b.Descriptor()
	if err := oci.CheckDescriptor(d); err != nil {
		return "", err
	}
	if w.spool != nil {
		if how, err = store.Put(ctx, w.spool, b); err != nil {
			return "", err
		}
		b = spooledBlob{w.spool, d}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if how == "" {
		how = content.Stored
		if _, ok := w.blobs[d.Digest]; ok {
			how = content.Existed
		}
	}
	w.blobs[d.Digest] = b
	return how, ctx.Err()
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
