package layer

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Limits that keep a hostile layer from filling memory. Linux has paths of 4096 bytes at most.
const (
	maxEntries = 10_000_000
	maxPath    = 64 << 10
)

// Options say how a layer is read.
type Options struct {
	// Yield is called at least once per 64 KiB of decompressed content; nil natively.
	Yield func()
	// Progress is told how many compressed bytes were read so far.
	Progress func(done int64)
}

// Reader reads the entries of one layer in order. It is not safe for concurrent use.
type Reader struct {
	ctx     context.Context
	subject string
	blob    io.Reader
	close   func() error
	tar     *tar.Reader
	next    int
}

// Open starts reading the layer that b holds. The compression is found by content, since media types of real images lie.
// The caller closes the Reader.
func Open(ctx context.Context, b content.Blob, o Options) (*Reader, error) {
	subject := "layer " + b.Descriptor().Digest.String()
	raw, err := b.Open(ctx)
	if err != nil {
		return nil, errs.Wrap(subject, err)
	}
	counted := &counter{ReadCloser: raw, progress: o.Progress}
	plain, _, err := compress.Auto(counted)
	if err != nil {
		return nil, errs.Wrap(subject, err)
	}
	paced := &pacer{ctx: ctx, r: plain, yield: o.Yield}
	return &Reader{ctx: ctx, subject: subject, blob: counted, close: plain.Close, tar: tar.NewReader(paced)}, nil
}

// Next returns the next entry, or io.EOF after the last one, when the whole blob has been read and so verified. Errors
// name the layer and the entry.
func (r *Reader) Next() (Entry, error) {
	for {
		h, err := r.tar.Next()
		if err == io.EOF {
			return Entry{}, r.drain()
		}
		if err != nil {
			return Entry{}, r.fail(err)
		}
		index := r.next
		r.next++
		if r.next > maxEntries {
			return Entry{}, errs.New(errs.Input, r.subject, "has more than %d entries", maxEntries)
		}
		if len(h.Name) > maxPath || len(h.Linkname) > maxPath {
			return Entry{}, errs.New(errs.Input, r.subject, "entry %d has a name of more than %d bytes", index, maxPath)
		}
		if e, ok := entryOf(h, index); ok {
			return e, nil
		}
	}
}

// Read reads the content of the entry that Next returned last; the holes of a sparse file read as zeros.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.tar.Read(p)
	if err != nil && err != io.EOF {
		err = r.fail(err)
	}
	return n, err
}

// Finish reads what is left, so that the blob's digest is checked.
func (r *Reader) Finish() error {
	if err := r.drain(); err != io.EOF {
		return err
	}
	return nil
}

// Close ends reading; it does not verify.
func (r *Reader) Close() error { return r.close() }

// drain reads what follows the end of the archive, padding or an eStargz footer, so that the blob's digest is checked.
func (r *Reader) drain() error {
	if _, err := io.Copy(io.Discard, &pacer{ctx: r.ctx, r: r.blob}); err != nil {
		return errs.Wrap(r.subject, err)
	}
	return io.EOF
}

func (r *Reader) fail(err error) error {
	if k := errs.Of(err); k != errs.Internal {
		return errs.Wrap(r.subject, err)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errs.New(errs.Verification, r.subject, "ends in the middle of entry %d", r.next)
	case errors.Is(err, tar.ErrHeader) && r.next == 0:
		return errs.New(errs.Input, r.subject, "is not a tar archive")
	case errors.Is(err, tar.ErrHeader):
		return errs.New(errs.Input, r.subject, "entry %d has a broken tar header", r.next)
	}
	return errs.New(errs.Input, r.subject, "entry %d: %w", r.next, err)
}

// quantum is the most bytes that are read between two yields.
const quantum = 64 << 10

// pacer checks for cancellation and yields between reads.
type pacer struct {
	ctx   context.Context
	r     io.Reader
	yield func()
	since int
}

func (p *pacer) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b[:min(len(b), quantum)])
	if p.since += n; p.since >= quantum && p.yield != nil {
		p.since = 0
		p.yield()
	}
	return n, err
}

// counter tells how much of the blob was read, at most once per step bytes.
type counter struct {
	io.ReadCloser
	progress   func(int64)
	done, told int64
}

const progressStep = 1 << 20

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.done += int64(n)
	if c.progress != nil && (c.done-c.told >= progressStep || err == io.EOF && c.told != c.done) {
		c.told = c.done
		c.progress(c.done)
	}
	return n, err
}

// xattrs returns the names of extended attributes, which PAX records carry under two prefixes.
func xattrs(h *tar.Header) []string {
	var names []string
	for k := range h.PAXRecords {
		if name, ok := strings.CutPrefix(k, "SCHILY.xattr."); ok {
			names = append(names, name)
		} else if name, ok := strings.CutPrefix(k, "LIBARCHIVE.xattr."); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
