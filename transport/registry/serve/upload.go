package serve

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
)

var unknownUpload = refusal{404, distspec.BlobUploadUnknown, "blob upload unknown to registry"}

// begin answers POST /v2/NAME/blobs/uploads/ (spec.md, "Pushing blobs"): a mount, a whole blob, or the begin of an upload.
func (x *exchange) begin(ctx context.Context, r Repository) (*reply, error) {
	if x.path.Ref != "" {
		return nil, unknownUpload
	}
	if d := x.query.Get("mount"); d != "" {
		made, err := x.mount(ctx, r, d, x.query.Get("from"))
		if err != nil || made != nil {
			return made, err
		}
	}
	s, err := r.Begin(ctx)
	if err != nil {
		return nil, failure{error: err}
	}
	defer func() { _ = s.Close() }()
	if x.query.Get("digest") != "" {
		return x.commit(ctx, s)
	}
	a := x.state(s, 202)
	if n := x.server.o.MinChunk; n > 0 {
		a.header.Add("OCI-Chunk-Min-Length", strconv.FormatInt(n, 10))
	}
	return a, nil
}

// mount is nil where the blob is not there, and an upload begins in its place.
func (x *exchange) mount(ctx context.Context, r Repository, d, from string) (*reply, error) {
	if oci.CheckDigest(d) != nil {
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	}
	if from != "" && !ref.ValidRepository(from) {
		return nil, refusal{400, distspec.NameInvalid, "invalid repository name"}
	}
	err := r.Mount(ctx, digest.Digest(d), from)
	switch {
	case errs.Of(err) == errs.NotFound:
		return nil, nil
	case err != nil:
		return nil, failure{error: err}
	}
	return x.created(distspec.Blob, digest.Digest(d)), nil
}

// upload answers what goes on with an upload: GET, PATCH, PUT and DELETE of /v2/NAME/blobs/uploads/SESSION.
func (x *exchange) upload(ctx context.Context, r Repository) (*reply, error) {
	s, err := r.Session(ctx, x.path.Ref)
	if err != nil {
		return nil, failure{err, unknownUpload}
	}
	defer func() { _ = s.Close() }()
	switch x.req.Method {
	case "PATCH":
		if err := x.receive(ctx, s); err != nil {
			return nil, err
		}
		return x.state(s, 202), nil
	case "PUT":
		return x.commit(ctx, s)
	case "DELETE":
		if err := s.Cancel(ctx); err != nil {
			return nil, failure{error: err}
		}
		return &reply{status: 204, size: -1}, nil
	}
	return x.state(s, 204), nil
}

// state tells where an upload is and how far it has come.
func (x *exchange) state(s Session, status int) *reply {
	r := &reply{status: status, size: 0}
	if status == 204 {
		r.size = -1
	}
	r.header.Add("Location", distspec.Path{Kind: distspec.Upload, Name: x.path.Name, Ref: s.ID()}.String())
	r.header.Add("Docker-Upload-UUID", s.ID())
	r.header.Add("Range", distspec.UploadRange(s.Size()))
	return r
}

// bodyError is the failure of a request's own body.
type bodyError struct{ error }

// receive appends the body. One that says where it goes must say the end of what has come.
func (x *exchange) receive(ctx context.Context, s Session) error {
	if h := x.req.Header.Get("Content-Range"); h != "" {
		want := int64(-1)
		if x.req.Body != nil {
			want = x.req.Body.Len()
		}
		if start, n, ok := distspec.ParseChunkRange(h); !ok || start != s.Size() || want >= 0 && want != n {
			return outOfStep{x.state(s, 416)}
		}
	}
	if x.req.Body == nil {
		return nil
	}
	body, err := x.req.Body.Open(ctx)
	if err != nil {
		return bodyError{err}
	}
	defer func() { _ = body.Close() }()
	w := &receiver{w: s}
	if _, err := io.Copy(w, &cancellable{body, ctx, x.req}); err != nil {
		if w.err != nil {
			return failure{error: w.err}
		}
		return bodyError{err}
	}
	return nil
}

// receiver tells an error of the session from one of the body.
type receiver struct {
	w   io.Writer
	err error
}

func (r *receiver) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	r.err = err
	return n, err
}

// outOfStep is the answer to a chunk that does not go where the upload has come to.
type outOfStep struct{ *reply }

func (outOfStep) Error() string { return "the chunk is out of order" }

// commit ends an upload with what the request may still bring.
func (x *exchange) commit(ctx context.Context, s Session) (*reply, error) {
	d := x.query.Get("digest")
	if oci.CheckDigest(d) != nil {
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	}
	if err := x.receive(ctx, s); err != nil {
		return nil, err
	}
	err := s.Commit(ctx, digest.Digest(d))
	switch {
	case errs.Of(err) == errs.Verification:
		return nil, refusal{400, distspec.DigestInvalid, "provided digest did not match uploaded content"}
	case err != nil:
		return nil, failure{error: err}
	}
	return x.created(distspec.Blob, digest.Digest(d)), nil
}

// created answers that something is there now.
func (x *exchange) created(kind distspec.Kind, d digest.Digest) *reply {
	r := &reply{status: 201, size: 0}
	r.header.Add("Location", distspec.Path{Kind: kind, Name: x.path.Name, Ref: d.String()}.String())
	r.header.Add("Docker-Content-Digest", d.String())
	return r
}

// put answers PUT /v2/NAME/manifests/REFERENCE (spec.md, "Pushing manifests").
func (x *exchange) put(ctx context.Context, r Repository) (*reply, error) {
	byDigest := strings.Contains(x.path.Ref, ":")
	switch {
	case byDigest && oci.CheckDigest(x.path.Ref) != nil:
		return nil, refusal{400, distspec.DigestInvalid, "invalid digest"}
	case x.req.Body == nil:
		return nil, refusal{400, distspec.ManifestInvalid, "manifest is empty"}
	}
	raw, err := x.manifestBody(ctx)
	if err != nil {
		return nil, err
	}
	doc, err := oci.NewDocument(raw, x.req.Header.Get("Content-Type"), "manifest")
	if err != nil {
		return nil, refusal{400, distspec.ManifestInvalid, err.Error()}
	}
	d, tags := doc.Digest(), []string{x.path.Ref}
	if byDigest {
		d, tags = digest.Digest(x.path.Ref), x.query["tag"]
		if d.Algorithm().FromBytes(raw) != d {
			return nil, refusal{400, distspec.DigestInvalid, "provided digest did not match uploaded content"}
		}
	}
	if slices.ContainsFunc(tags, func(t string) bool { return !ref.ValidTag(t) }) {
		return nil, refusal{400, distspec.ManifestInvalid, "invalid tag"}
	}
	err = keep(ctx, r, d, tags, doc)
	switch errs.Of(err) {
	case "":
	case errs.NotFound:
		return nil, refusal{404, distspec.ManifestBlobUnknown, err.Error()}
	case errs.Input, errs.Verification:
		return nil, refusal{400, distspec.ManifestInvalid, err.Error()}
	default:
		return nil, failure{error: err}
	}
	a := x.created(distspec.Manifest, d)
	if subject, ok := doc.Subject(); ok {
		a.header.Add("OCI-Subject", subject.Digest.String())
	}
	if byDigest { // https://github.com/opencontainers/distribution-spec/pull/600
		for _, tag := range tags {
			a.header.Add("OCI-Tag", tag)
		}
	}
	return a, nil
}

// keep stores a manifest under a digest, and under tags if there are any.
func keep(ctx context.Context, r Repository, d digest.Digest, tags []string, doc oci.Document) error {
	if len(tags) == 0 {
		tags = []string{""}
	}
	for _, tag := range tags {
		if err := r.PutManifest(ctx, d, tag, doc); err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) manifestBody(ctx context.Context) ([]byte, error) {
	body, err := x.req.Body.Open(ctx)
	if err != nil {
		return nil, bodyError{err}
	}
	defer func() { _ = body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(&cancellable{body, ctx, x.req}, oci.MaxManifest+1))
	switch {
	case err != nil:
		return nil, bodyError{err}
	case len(raw) > oci.MaxManifest:
		return nil, refusal{413, "SIZE_INVALID", fmt.Sprintf("a manifest has at most %d bytes", oci.MaxManifest)}
	}
	return raw, nil
}
