package registry

import (
	"context"
	"fmt"
	"io"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// maxDiscard is how much of a blob is read and thrown away, in bytes, to reach an offset at a registry without ranges.
const maxDiscard = 64 << 20

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

// Open implements [content.Blob]. A transfer that breaks off goes on where it was, up to three times.
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
	body, sized, err := b.fetch(ctx, offset)
	if err != nil {
		return nil, err
	}
	return &transfer{ctx: ctx, b: b, body: body, at: offset, sized: sized}, nil
}

// fetch opens the body from offset on. sized says that the registry announced the end, so that one before it is a break.
func (b *blob) fetch(ctx context.Context, offset int64) (body io.ReadCloser, sized bool, err error) {
	req := b.r.request("GET", distspec.Blob, b.d.Digest.String())
	if offset > 0 {
		req.Header.Add("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := b.r.send(ctx, b.r.target, req, b.subject())
	if err != nil {
		return nil, false, err
	}
	body = steadyBody{&steady{r: resp.Body, yield: b.r.c.o.Yield}, resp.Body}
	if sized, err = b.check(resp, offset); err == nil && resp.Status == 200 {
		if _, err = io.CopyN(io.Discard, body, offset); err != nil {
			err = broken(ctx, err, b.subject(), 0)
		}
	}
	if err != nil {
		_ = body.Close()
		return nil, false, err
	}
	return body, sized, nil
}

// check takes a 206 of exactly the range that was asked for, or a 200 of the whole blob that may be skipped in.
func (b *blob) check(resp *fetchshim.Response, offset int64) (sized bool, err error) {
	switch {
	case offset > 0 && resp.Status == 206:
		header := resp.Header.Get("Content-Range")
		got, size, err := distspec.ParseContentRange(header)
		if err != nil || got.Start != offset || got.End != b.d.Size-1 || size >= 0 && size != b.d.Size {
			return false, errs.New(errs.Verification, b.subject(), "asked for bytes %d-%d/%d, the registry answers Content-Range %q",
				offset, b.d.Size-1, b.d.Size, header)
		}
		return true, nil
	case resp.Status != 200:
		return false, b.failed(b.r.failed(resp, b.subject(), "blob"))
	case offset > maxDiscard:
		return false, errs.New(errs.Unsupported, b.subject(), "the registry serves no ranges, and %d bytes are too many to skip", offset)
	}
	n := length(resp)
	if n >= 0 && n != b.d.Size && !b.r.c.o.HidesHeaders { // with headers hidden, a Content-Encoding may be there unseen
		return false, errs.New(errs.Verification, b.subject(), "the registry has %d bytes, its descriptor says %d", n, b.d.Size)
	}
	return n == b.d.Size, nil
}

// failed says of a foreign layer (image-spec descriptor.md, "urls") that registries do not keep those.
func (b *blob) failed(err error) error {
	if errs.Of(err) != errs.NotFound || len(b.d.URLs) == 0 {
		return err
	}
	return errs.New(errs.NotFound, b.subject(), "is a foreign layer, which the registry does not have; its descriptor says it is at %s",
		strings.Join(b.d.URLs, " or "))
}
