package serve

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// manifest answers /v2/NAME/manifests/REFERENCE (spec.md, "Pulling manifests").
func (x *exchange) manifest(ctx context.Context) (*reply, error) {
	unknown := refusal{404, distspec.ManifestUnknown, "manifest unknown"}
	byDigest := strings.Contains(x.path.Ref, ":")
	switch {
	case byDigest && oci.CheckDigest(x.path.Ref) != nil:
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	case !byDigest && !ref.ValidTag(x.path.Ref):
		return nil, unknown
	}
	d, raw, err := x.find(ctx)
	if err != nil {
		return nil, failure{err, unknown}
	}
	if byDigest {
		d.Digest = digest.Digest(x.path.Ref)
	}
	r := &reply{status: 200, size: d.Size, body: io.NopCloser(bytes.NewReader(raw))}
	r.header.Add("Content-Type", safeType(d.MediaType))
	identify(r, d.Digest)
	return x.unlessKnown(r, d.Digest), nil
}

// find reads the manifest, or for a HEAD asks what it is, which costs a Source on a network less.
func (x *exchange) find(ctx context.Context) (v1.Descriptor, []byte, error) {
	if res, ok := content.As[content.Resolver](x.source); ok && x.head() {
		d, err := res.Resolve(ctx, x.path.Ref)
		if errs.Of(err) != errs.Unsupported {
			return d, nil, err
		}
	}
	doc, err := x.source.Manifest(ctx, x.path.Ref)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	return doc.Descriptor(), doc.Raw, nil
}

// identify adds the headers that name content by its digest.
func identify(r *reply, d digest.Digest) {
	r.header.Add("Docker-Content-Digest", d.String())
	r.header.Add("ETag", etag(d))
}

func etag(d digest.Digest) string { return `"` + d.String() + `"` }

// unlessKnown answers 304 where the client has the content (RFC 9110 section 13.1.2,
// https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2).
func (x *exchange) unlessKnown(r *reply, d digest.Digest) *reply {
	for _, header := range x.req.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag != "*" && tag != etag(d) {
				continue
			}
			if r.body != nil {
				_ = r.body.Close()
			}
			r.status, r.body, r.size = 304, nil, -1
			r.header.Del("Content-Type")
			return r
		}
	}
	return r
}

// safeType is a manifest's media type where it is a type of application/. Others come out of the manifest too: served
// as text/html it would be a page of this origin.
func safeType(t string) string {
	rest, ok := strings.CutPrefix(t, "application/")
	if !ok || rest == "" || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&^_.+-") != "" ||
		strings.Contains(strings.ToLower(rest), "xml") {
		return "application/json"
	}
	return t
}
