package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// entry is a file of an archive that is written.
type entry struct {
	size int64 // bytes
	open func(ctx context.Context) (io.ReadCloser, error)
}

func bytesEntry(b []byte) entry {
	return entry{int64(len(b)), func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// pack writes a tar to t: first the entries that are named, then the rest by name. Owners and times are zero, so that the same
// content always gives the same bytes.
func (t *Target) pack(ctx context.Context, entries map[string]entry, first ...string) (err error) {
	out, err := t.create(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if s, ok := out.(*stream); ok && err != nil {
			s.fail(err)
		}
		if cerr := out.Close(); err == nil {
			err = cerr
		}
	}()
	buffered := bufio.NewWriterSize(out, bufferSize)
	w := tar.NewWriter(buffered)
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(entries)), func(n string) bool { return slices.Contains(first, n) })
	buffer := make([]byte, bufferSize)
	for _, name := range append(first, rest...) {
		if err := packOne(ctx, w, name, entries[name], buffer); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), buffered.Flush()); err != nil {
		return err
	}
	return out.Publish(ctx)
}

const bufferSize = 256 << 10 // bytes

func packOne(ctx context.Context, w *tar.Writer, name string, e entry, buffer []byte) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: e.size}); err != nil {
		return err
	}
	r, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	// The reader is hidden so that the buffer is used: it saves calls of the system.
	n, err := io.CopyBuffer(w, struct{ io.Reader }{r}, buffer)
	switch {
	case errors.Is(err, tar.ErrWriteTooLong), err == nil && n < e.size:
		return errs.New(errs.Verification, name, "has another size than before, which was %d bytes", e.size)
	}
	return fsys.Kinded(name, err)
}
