package serve

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// blob answers /v2/NAME/blobs/DIGEST (spec.md, "Pulling blobs"), whole or one range of it.
func (x *exchange) blob(ctx context.Context) (*reply, error) {
	unknown := refusal{404, distspec.BlobUnknown, "blob unknown to registry"}
	if oci.CheckDigest(x.path.Ref) != nil {
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	}
	statter, ok := content.As[content.BlobStatter](x.source)
	if !ok {
		return nil, refusal{405, distspec.UnsupportedCode, "this repository does not serve blobs by digest"}
	}
	d, err := statter.StatBlob(ctx, digest.Digest(x.path.Ref))
	if err != nil {
		return nil, failure{err, unknown}
	}
	r := &reply{status: 200, size: d.Size}
	r.header.Add("Content-Type", "application/octet-stream")
	r.header.Add("Accept-Ranges", "bytes")
	identify(r, d.Digest)
	if x.unlessKnown(r, d.Digest).status == 304 {
		return r, nil
	}
	span, whole := x.span(d.Digest, d.Size)
	switch {
	case !whole && span.Len() <= 0:
		return unsatisfiable(d.Size), nil
	case !whole:
		r.status, r.size = 206, span.Len()
		r.header.Add("Content-Range", span.ContentRange(d.Size))
	}
	if x.head() {
		return r, nil
	}
	if r.body, err = open(ctx, x.source.Blob(d), span, whole); err != nil {
		return nil, failure{err, unknown}
	}
	return r, nil
}

// span is the range that is asked for; one of no bytes cannot be satisfied. A Range applies to GET only, and with If-Range
// to the same content only (RFC 9110 sections 14.2 and 13.1.5).
func (x *exchange) span(d digest.Digest, size int64) (span distspec.Range, whole bool) {
	condition := x.req.Header.Get("If-Range")
	if x.head() || condition != "" && condition != etag(d) {
		return span, true
	}
	span, ok, satisfiable := distspec.ParseRange(x.req.Header.Get("Range"), size)
	if ok && !satisfiable {
		return distspec.Range{Start: 0, End: -1}, false
	}
	return span, !ok
}

// open opens a blob, verified, or a part of it, which cannot be.
func open(ctx context.Context, b content.Blob, span distspec.Range, whole bool) (io.ReadCloser, error) {
	if whole {
		return b.Open(ctx)
	}
	opener, ok := content.As[content.RangeOpener](b)
	if ok {
		r, err := opener.OpenAt(ctx, span.Start)
		return part(r, span.Len()), err
	}
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, span.Start); err != nil {
		_ = r.Close()
		return nil, err
	}
	return part(r, span.Len()), nil
}

// limited is the first bytes of a body; an end before them is an error, so that no client takes it for theirs.
type limited struct {
	io.Closer
	r    io.Reader
	left int64
}

func part(r io.ReadCloser, n int64) io.ReadCloser { return &limited{r, r, n} }

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	if err == io.EOF && l.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func unsatisfiable(size int64) *reply {
	r := content200("application/json", distspec.EncodeErrors(distspec.Error{Code: "RANGE_INVALID", Message: "the range is outside the blob"}))
	r.status = 416
	r.header.Add("Content-Range", distspec.Unsatisfied(size))
	return r
}
