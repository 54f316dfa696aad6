package store

import (
	"context"
	"io"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Put copies b into s unless it is there with the size that its descriptor says; one of another size is replaced. A blob
// that is a file on the file system of s is linked. What an
// earlier, broken attempt left is not read again where b can be opened at an offset. The error of a blob that is not what
// its descriptor says is of kind verification, and nothing of it stays.
func Put(ctx context.Context, s content.Store, b content.Blob) (content.How, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	d := b.Descriptor()
	have, err := s.Stat(ctx, d.Digest)
	switch {
	case err == nil && have.Size == d.Size:
		return content.Existed, nil
	case err != nil && errs.Of(err) != errs.NotFound:
		return "", err
	}
	if linked, err := link(ctx, s, b); linked || err != nil {
		return content.Linked, unsound(err)
	}
	resumed, err := put(ctx, s, b)
	if resumed && errs.Of(err) == errs.Verification {
		_, err = put(ctx, s, b) // what was left was wrong, and is gone now
	}
	if err != nil {
		return "", unsound(err)
	}
	return content.Stored, nil
}

// unsound says of a blob that is not what its descriptor says that it came so.
func unsound(err error) error {
	if errs.Of(err) == errs.Verification {
		return content.AtSource(err)
	}
	return err
}

// put is one attempt; resumed says whether it went on after an earlier one.
func put(ctx context.Context, s content.Store, b content.Blob) (resumed bool, err error) {
	w, err := s.Create(ctx, b.Descriptor())
	if err != nil {
		return false, err
	}
	defer func() { _ = w.Close() }()
	resumed = w.Size() > 0
	if err := fill(ctx, w, b); err != nil {
		if errs.Of(err) == errs.Verification {
			_ = w.Commit(ctx) // it finds the same and drops the blob
		}
		return resumed, err
	}
	if err := w.Commit(ctx); err != nil {
		return resumed, err
	}
	return resumed, w.Close()
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
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, piece))
	return err
}

// piece is how many bytes are copied at a time: more than a connection buffers, so that they are read past its buffer, and
// enough that system calls do not count beside hashing.
const piece = 256 << 10

// openAt opens b without its own verification where it can, since the writer verifies, and hashing costs.
func openAt(ctx context.Context, b content.Blob, offset int64) (io.ReadCloser, error) {
	if o, ok := content.As[content.RangeOpener](b); ok {
		r, err := o.OpenAt(ctx, offset)
		if offset == 0 || errs.Of(err) != errs.Unsupported {
			return r, err
		}
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
