package registry

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// sink writes to a repository.
type sink struct {
	*repository
	children children

	bare bare

	mu        sync.Mutex
	held      []tagged
	corrupted map[digest.Digest]bool // by CheckBlob
}

func newSink(r *repository) *sink {
	return &sink{repository: r, children: children{slots: make(chan struct{}, pushesAtOnce)}}
}

// tagged is a manifest that waits for Commit.
type tagged struct {
	tag string
	doc oci.Document
}

// Resolve implements [content.Resolver].
func (s *sink) Resolve(ctx context.Context, reference string) (v1.Descriptor, error) {
	d, err := s.repository.Resolve(ctx, reference)
	s.bare.note(err)
	return d, err
}

// PutBlob implements [content.Sink]: the blob is looked for, then mounted from where it is known to be, then sent. A mount asks
// and answers in one request, so where nothing was found so far it comes first.
func (s *sink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	d := b.Descriptor()
	if err := oci.CheckDescriptor(d); err != nil {
		return "", errs.Wrap(s.name, err)
	}
	if s.isCorrupted(d.Digest) {
		return s.replace(ctx, b)
	}
	u := newUpload(s.repository, b)
	u.unseen = s.bare.is() && s.Mounts(b) && !s.c.pace(s.target.Registry).mountless.Load()
	how := content.Existed
	var found bool
	var err error
	if !u.unseen {
		found, err = s.has(ctx, d)
	}
	if err == nil && !found {
		how, err = u.put(ctx)
	}
	if err != nil {
		return "", err
	}
	s.c.known.add(s.target.Registry, s.ref.Repository, d.Digest)
	return how, nil
}

// CheckBlob implements [content.Checker]: the blob is read from the registry.
func (s *sink) CheckBlob(ctx context.Context, d v1.Descriptor) error {
	r, err := s.Blob(d).Open(ctx)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		_ = r.Close()
	}
	if errs.Of(err) == errs.Verification {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.corrupted == nil {
			s.corrupted = map[digest.Digest]bool{}
		}
		s.corrupted[d.Digest] = true
	}
	return err
}

func (s *sink) isCorrupted(d digest.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.corrupted[d]
}

// replace pushes a blob in place of one that is corrupted. Registries keep what they have under a digest and throw away what
// is pushed to it, so it is deleted first, where that is allowed.
func (s *sink) replace(ctx context.Context, b content.Blob) (content.How, error) {
	d := b.Descriptor()
	if err := s.DeleteBlob(ctx, d.Digest); err != nil && errs.Of(err) != errs.NotFound {
		return "", errs.New(errs.Of(err), s.blobName(d.Digest), "is corrupted, and cannot be replaced: %w", err).
			Hinted("the registry has to allow that blobs are deleted")
	}
	u := newUpload(s.repository, b)
	u.anew = true
	how, err := u.put(ctx)
	if err != nil {
		return "", err
	}
	if err := s.CheckBlob(ctx, d); err != nil {
		return "", errs.New(errs.Of(err), s.blobName(d.Digest), "is corrupted, and the registry keeps it: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.corrupted, d.Digest)
	return how, nil
}

// has looks for a blob by HEAD. One of another size is an error: what is pushed could not replace it.
func (r *repository) has(ctx context.Context, d v1.Descriptor) (bool, error) {
	subject := r.blobName(d.Digest)
	resp, err := r.send(ctx, r.target, r.request("HEAD", distspec.Blob, d.Digest.String()), subject)
	if err != nil {
		if r.c.o.Create != nil && refused(err) { // as a repository that is not there may be
			return false, nil
		}
		return false, err
	}
	defer resp.Body.Close()
	switch n := length(resp); {
	case resp.Status == 404 || resp.Status == 405: // 405: a registry that answers no HEAD
		return false, nil
	case resp.Status != 200:
		return false, r.failed(resp, subject, "blob")
	case n >= 0 && n != d.Size && !r.c.o.HidesHeaders:
		return false, errs.New(errs.Verification, subject, "the registry has %d bytes under this digest, the descriptor says %d", n, d.Size)
	}
	return true, nil
}

func (r *repository) blobName(d digest.Digest) string { return r.name + "@" + d.String() }

// PutManifest implements [content.Sink]; ref may also be a digest, by which the manifest is then to be found. What only an index
// waits for is under way when it returns; its error is told by the next call that waits.
func (s *sink) PutManifest(ctx context.Context, name string, doc oci.Document) error {
	switch {
	case name == "":
		name = doc.Digest().String()
	case !strings.Contains(name, ":"):
		if !ref.ValidTag(name) {
			return errs.New(errs.Input, s.name, "%q is not a tag", name)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = append(s.held, tagged{name, doc})
		return nil
	}
	if err := oci.CheckDigest(name); err != nil {
		return errs.Wrap(s.name, err)
	}
	doc = doc.Under(digest.Digest(name))
	if got := digest.Digest(name).Algorithm().FromBytes(doc.Raw); got.String() != name {
		return errs.New(errs.Verification, s.subject(name), "manifest: content has the digest %s", got)
	}
	if alone(doc) {
		return s.children.push(ctx, func() error { return s.push(ctx, name, doc) })
	}
	if err := s.children.wait(); err != nil {
		return err
	}
	return s.push(ctx, name, doc)
}

// Commit implements [content.Sink]. A manifest that was pushed is not pushed again by a second Commit.
func (s *sink) Commit(ctx context.Context) error {
	if err := s.children.wait(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.held) > 0 {
		if err := s.pushTag(ctx, s.held[0].tag, s.held[0].doc); err != nil {
			return err
		}
		s.held = s.held[1:]
	}
	return nil
}

// Close implements [content.Sink]; what was held is forgotten. It waits for what is under way, which ends with its context.
func (s *sink) Close() error {
	_ = s.children.wait() // of interest to a Commit only
	return nil
}

// pushTag sends one manifest under a tag. Registries take the SHA-256 digest of what is put so; the one that a manifest of another
// algorithm goes by is kept where they know tags that are put with a digest
// (https://github.com/opencontainers/distribution-spec/pull/600), which they confirm.
func (s *sink) pushTag(ctx context.Context, tag string, doc oci.Document) error {
	if doc.Algorithm == "" {
		return s.push(ctx, tag, doc)
	}
	req := s.request("PUT", distspec.Manifest, doc.Digest().String())
	req.URL += "?tag=" + tag
	resp, err := s.put(ctx, req, s.subject(tag), doc)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if stored(resp) && slices.Contains(resp.Header.Values("OCI-Tag"), tag) {
		return s.refer(ctx, resp, doc)
	}
	return s.push(ctx, tag, doc)
}

// push sends one manifest (spec.md, "Pushing Manifests").
func (s *sink) push(ctx context.Context, ident string, doc oci.Document) error {
	subject := s.subject(ident)
	resp, err := s.settled(ctx, ident, doc)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !stored(resp) {
		return foreign(s.failed(resp, subject, "manifest"), doc)
	}
	got := digest.Digest(resp.Header.Get("Docker-Content-Digest"))
	if got.Validate() == nil && got != got.Algorithm().FromBytes(doc.Raw) {
		return errs.New(errs.Verification, subject, "manifest: the registry stored it under the digest %s", got)
	}
	return s.refer(ctx, resp, doc)
}

// put sends a request with a manifest, and makes the repository where it is missing.
func (s *sink) put(ctx context.Context, req *fetchshim.Request, subject string, doc oci.Document) (*fetchshim.Response, error) {
	req.Header.Add("Content-Type", doc.MediaType)
	req.Body = fetchshim.Bytes(doc.Raw)
	return s.creating(ctx, func() (*fetchshim.Response, error) { return s.send(ctx, s.target, req, subject) })
}

// stored says whether a manifest was taken, for which the specification has 201 alone.
func stored(resp *fetchshim.Response) bool {
	return slices.Contains([]int{200, 201, 202, 204}, resp.Status)
}

// foreign says what may be the matter with a manifest that a registry did not take, as Docker's does where nobody allowed the URLs.
func foreign(err error, doc oci.Document) error {
	m, merr := doc.Manifest()
	if merr != nil || errs.HintOf(err) != "" || !slices.ContainsFunc(m.Layers, func(d v1.Descriptor) bool { return oci.IsForeign(d.MediaType) }) {
		return err
	}
	return &errs.Error{Kind: errs.Of(err), Err: err, Hint: "it has foreign layers, which the registry may have to be told to allow"}
}
