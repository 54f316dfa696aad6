package registry

import (
	"context"
	"io"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// maxDiscard is how much may be read and thrown away of a blob, in bytes, to reach an offset at a registry that does not
// serve ranges. A larger blob, up to maxRepeat, may be thrown away once: what breaks cost is at most a second transfer, and
// not the square of one.
const (
	maxDiscard = 64 << 20
	maxRepeat  = 16 << 30
)

type blob struct {
	r *repository
	d v1.Descriptor
}

func (b *blob) subject() string { return b.r.name + "@" + b.d.Digest.String() }

// Descriptor implements [content.Blob].
func (b *blob) Descriptor() v1.Descriptor { return b.d }

// MountFrom implements [content.Mountable].
func (b *blob) MountFrom() (registry, repository string) {
	return b.r.target.Registry, b.r.ref.Repository
}

// Open implements [content.Blob]. A transfer that breaks off goes on where it was, again and again as long as it comes on.
func (b *blob) Open(ctx context.Context) (io.ReadCloser, error) {
	raw, err := b.open(ctx, 0)
	if err != nil {
		return nil, err
	}
	return content.Verify(raw, b.d)
}

// OpenAt implements [content.RangeOpener]: bytes from offset on, not verified.
func (b *blob) OpenAt(ctx context.Context, offset int64) (io.ReadCloser, error) {
	return b.open(ctx, offset)
}

func (b *blob) open(ctx context.Context, offset int64) (io.ReadCloser, error) {
	if err := oci.CheckDescriptor(b.d); err != nil {
		return nil, errs.Wrap(b.r.name, err)
	}
	if offset < 0 || offset > b.d.Size {
		return nil, errs.New(errs.Input, b.subject(), "has %d bytes; there is no offset %d", b.d.Size, offset)
	}
	if offset == b.d.Size && offset > 0 { // a range of nothing is unsatisfiable (RFC 9110 section 14.1.1)
		return io.NopCloser(strings.NewReader("")), nil
	}
	if b.r.c.o.Ranges > 1 && b.d.Size-offset >= int64(b.r.c.o.Ranges)*rangeSize && !b.r.c.o.HidesHeaders {
		return openRanges(ctx, b, offset)
	}
	t := b.transfer(ctx, offset, b.d.Size)
	if t.err = t.fetch(); t.err != nil {
		return nil, t.err
	}
	return t, nil
}

// transfer is for the bytes from at to end.
func (b *blob) transfer(ctx context.Context, at, end int64) *transfer {
	return &transfer{ctx: ctx, b: b, at: at, end: end, budget: max(maxDiscard, min(b.d.Size, maxRepeat))}
}

// span is what a response to a request for the bytes from an offset on brings.
type span struct {
	skip  int64 // bytes before the offset
	sized bool  // the registry announced the end, so that one before it is a break
}

// otherRange is the error of a registry that takes ranges and answers something else.
type otherRange struct{ error }

// check takes a 206 of exactly the range that was asked for, or a 200 of the whole blob.
func (b *blob) check(resp *fetchshim.Response, offset, end int64) (span, error) {
	ranged := offset > 0 || end < b.d.Size
	switch {
	case ranged && resp.Status == 206:
		header := resp.Header.Get("Content-Range")
		got, size, err := distspec.ParseContentRange(header)
		if err != nil || got.Start != offset || got.End != end-1 || size >= 0 && size != b.d.Size {
			return span{}, otherRange{errs.New(errs.Verification, b.subject(), "asked for bytes %d-%d/%d, the registry answers Content-Range %q",
				offset, end-1, b.d.Size, header)}
		}
		return span{0, true}, nil
	case ranged && resp.Status == 416:
		return span{}, otherRange{b.r.failed(resp, b.subject(), "blob")}
	case resp.Status != 200:
		return span{}, b.failed(b.r.failed(resp, b.subject(), "blob"))
	}
	n := length(resp)
	if n >= 0 && n != b.d.Size && !b.r.c.o.HidesHeaders { // with headers hidden, a Content-Encoding may be there unseen
		return span{}, errs.New(errs.Verification, b.subject(), "the registry has %d bytes, its descriptor says %d", n, b.d.Size)
	}
	return span{offset, n == b.d.Size}, nil
}

// failed says of a foreign layer (image-spec descriptor.md, "urls") that registries do not keep those.
func (b *blob) failed(err error) error {
	if errs.Of(err) != errs.NotFound || len(b.d.URLs) == 0 {
		return err
	}
	return errs.New(errs.NotFound, b.subject(), "is a foreign layer, which the registry does not have; its descriptor says it is at %s",
		strings.Join(b.d.URLs, " or "))
}
