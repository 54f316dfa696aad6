package registry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

type repository struct {
	c      *Client
	ref    ref.Reference
	name   string // registry/repository, for errors
	target auth.Target

	retries atomic.Int64
}

// Retries implements [content.Retrier].
func (r *repository) Retries() int64 { return r.retries.Load() }

// subject names a manifest in errors: as the user typed it where it is what the reference names.
func (r *repository) subject(ident string) string {
	switch {
	case ident == r.ref.Ident() && r.ref.Typed != "":
		return r.ref.Typed
	case strings.Contains(ident, ":"):
		return r.name + "@" + ident
	}
	return r.name + ":" + ident
}

// request is for an endpoint of the repository.
func (r *repository) request(method string, kind distspec.Kind, reference string) *fetchshim.Request {
	path := distspec.Path{Kind: kind, Name: r.ref.Repository, Ref: reference}
	req := &fetchshim.Request{Method: method, URL: r.target.Origin + path.String()}
	if r.c.o.UserAgent != "" {
		req.Header.Add("User-Agent", r.c.o.UserAgent)
	}
	return req
}

// ident is a tag or digest that may go into a path.
func (r *repository) ident(reference string) (string, error) {
	switch {
	case reference == "":
		return ref.DefaultTag, nil
	case strings.Contains(reference, ":"):
		return reference, errs.Wrap(r.name, oci.CheckDigest(reference))
	case !ref.ValidTag(reference):
		return "", errs.New(errs.Input, r.name, "%q is not a tag", reference)
	}
	return reference, nil
}

// Manifest implements [content.Source].
func (r *repository) Manifest(ctx context.Context, reference string) (oci.Document, error) {
	ident, err := r.ident(reference)
	if err != nil {
		return oci.Document{}, err
	}
	subject := r.subject(ident)
	req := r.request("GET", distspec.Manifest, ident)
	// Schema 1 is asked for so that an image that has nothing else is told from one that is not there.
	req.Header.Add("Accept", strings.Join(append(append([]string{}, oci.ManifestTypes...), oci.DockerSchema1, oci.DockerSchema1Sig), ", "))
	resp, raw, err := r.get(ctx, req, oci.MaxManifest, subject)
	if err != nil {
		return oci.Document{}, err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return oci.Document{}, r.failed(resp, subject, "manifest")
	}
	hint := resp.Header.Get("Content-Type")
	if isHTML(hint, raw) {
		return oci.Document{}, notRegistry(subject, r.target.Registry)
	}
	known, err := checkDigest(raw, ident, resp.Header.Get("Docker-Content-Digest"), subject)
	if err != nil {
		return oci.Document{}, err
	}
	doc, err := oci.NewDocument(raw, hint, subject)
	return doc.Under(known), err
}

// checkDigest compares raw with the digest it was asked for by; with that which the registry announces where a tag was
// asked for, since then the two were meant to be the same (spec.md, "Pulling manifests"). It returns the one that it goes by there.
func checkDigest(raw []byte, ident, announced, subject string) (digest.Digest, error) {
	want := digest.Digest(ident)
	if !strings.Contains(ident, ":") {
		if want = digest.Digest(announced); want.Validate() != nil {
			return digest.FromBytes(raw), nil
		}
	}
	if got := want.Algorithm().FromBytes(raw); got != want {
		return "", errs.New(errs.Verification, subject, "manifest: content has the digest %s, not %s", got, want)
	}
	return want, nil
}

// Resolve implements [content.Resolver] by HEAD.
func (r *repository) Resolve(ctx context.Context, reference string) (v1.Descriptor, error) {
	ident, err := r.ident(reference)
	if err != nil {
		return v1.Descriptor{}, err
	}
	subject := r.subject(ident)
	req := r.request("HEAD", distspec.Manifest, ident)
	req.Header.Add("Accept", strings.Join(oci.ManifestTypes, ", "))
	resp, err := r.send(ctx, r.target, req, subject)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer resp.Body.Close()
	// Registries are seen that answer HEAD with 400 or 405 where GET works.
	if resp.Status == 400 || resp.Status == 405 || resp.Status == 501 {
		return v1.Descriptor{}, errs.New(errs.Unsupported, subject, "the registry answers HEAD with %d", resp.Status)
	}
	if resp.Status != 200 {
		return v1.Descriptor{}, r.failed(resp, subject, "manifest")
	}
	d := v1.Descriptor{MediaType: mediaType(resp), Digest: digest.Digest(resp.Header.Get("Docker-Content-Digest")), Size: length(resp)}
	if d.Digest.Validate() != nil || d.Size < 0 || !slices.Contains(oci.ManifestTypes, d.MediaType) {
		return v1.Descriptor{}, errs.New(errs.Unsupported, subject, "the registry does not say digest, size and type of a manifest")
	}
	if strings.Contains(ident, ":") && d.Digest.String() != ident {
		if want := digest.Digest(ident); want.Algorithm() == d.Digest.Algorithm() {
			return v1.Descriptor{}, errs.New(errs.Verification, subject, "manifest: the registry says it has the digest %s", d.Digest)
		}
		d.Digest = digest.Digest(ident)
	}
	return d, nil
}

// StatBlob implements [content.BlobStatter] by HEAD.
func (r *repository) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	subject := r.name + "@" + d.String()
	if err := oci.CheckDigest(d.String()); err != nil {
		return v1.Descriptor{}, errs.Wrap(r.name, err)
	}
	resp, err := r.send(ctx, r.target, r.request("HEAD", distspec.Blob, d.String()), subject)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return v1.Descriptor{}, r.failed(resp, subject, "blob")
	}
	n := length(resp)
	if n < 0 {
		return v1.Descriptor{}, errs.New(errs.Unsupported, subject, "the registry does not say the size of a blob")
	}
	return v1.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: n}, nil
}

// Blob implements [content.Source].
func (r *repository) Blob(d v1.Descriptor) content.Blob { return &blob{r, d} }

// Close implements [content.Source]; there is nothing to close.
func (r *repository) Close() error { return nil }

func mediaType(resp *fetchshim.Response) string {
	t, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// length is the size of the content in bytes as the response announces it, or -1. A coded body has another length than
// its content (fetch in a browser decodes it unasked).
func length(resp *fetchshim.Response) int64 {
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return -1
	}
	n, err := strconv.ParseUint(resp.Header.Get("Content-Length"), 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}
