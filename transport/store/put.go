package store

import (
	"context"
	"io"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Put copies b into s unless it is there. What an earlier, broken attempt left is not read again where b can be opened at
// an offset. The error of a blob that is not what its descriptor says is of kind verification, and nothing of it stays.
func Put(ctx context.Context, s content.Store, b content.Blob) (content.How, error) {
	d := b.Descriptor()
	_, err := s.Stat(ctx, d.Digest)
	if err == nil {
		return content.Existed, nil
	}
	if errs.Of(err) != errs.NotFound {
		return "", err
	}
	w, err := s.Create(ctx, d)
	if err != nil {
		return "", err
	}
	defer func() { _ = w.Close() }()
	if err := fill(ctx, w, b); err != nil {
		if errs.Of(err) == errs.Verification {
			_ = w.Commit(ctx) // it finds the same and drops the blob
		}
		return "", err
	}
	if err := w.Commit(ctx); err != nil {
		return "", err
	}
	return content.Stored, w.Close()
}

func fill(ctx context.Context, w content.Writer, b content.Blob) error {
	if w.Size() == b.Descriptor().Size {
		return nil
	}
	r, err := openAt(ctx, b, w.Size())
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(w, r)
	return err
}

func openAt(ctx context.Context, b content.Blob, offset int64) (io.ReadCloser, error) {
	if o, ok := content.As[content.RangeOpener](b); ok && offset > 0 {
		return o.OpenAt(ctx, offset)
	}
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}
