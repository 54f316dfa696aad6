package fsys

import (
	"context"
	"encoding/json"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Blob is a [content.Blob] whose content is a file. Find opens that file, not_found where there is none.
type Blob struct {
	D    v1.Descriptor
	Find func(ctx context.Context, d v1.Descriptor) (File, error)
}

// Descriptor returns D.
func (b Blob) Descriptor() v1.Descriptor { return b.D }

// Open reads and verifies.
func (b Blob) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := b.OpenAt(ctx, 0)
	if err != nil {
		return nil, err
	}
	return content.Verify(r, b.D)
}

// OpenAt reads from offset (bytes) without verifying. A file whose size is not the descriptor's is refused before
// anything is read.
func (b Blob) OpenAt(ctx context.Context, offset int64) (io.ReadCloser, error) {
	f, err := b.File(ctx)
	if err != nil {
		return nil, err
	}
	return NewReader(ctx, f, offset), nil
}

// File implements [Filer].
func (b Blob) File(ctx context.Context) (File, error) {
	if err := oci.CheckDescriptor(b.D); err != nil {
		return nil, err
	}
	f, err := b.Find(ctx, b.D)
	if err != nil {
		return nil, err
	}
	if f.Size() != b.D.Size {
		_ = f.Close()
		return nil, errs.New(errs.Verification, b.D.Digest.String(), "has %d bytes, its descriptor says %d", f.Size(), b.D.Size)
	}
	return f, nil
}

// ReadDocument reads a manifest or index from f, at most [oci.MaxManifest] bytes, and closes f. want is the digest that
// it must have, or "" where it is not known; hint is the media type it was announced with, or "". Without one, content
// that says neither its media type nor has the fields of a manifest is refused with kind input: a blob is no manifest
// because somebody asked for it as one.
func ReadDocument(ctx context.Context, f File, want digest.Digest, hint, subject string) (oci.Document, error) {
	r := NewReader(ctx, f, 0)
	defer func() { _ = r.Close() }()
	raw, err := oci.ReadLimited(r, oci.MaxManifest, subject)
	if err != nil {
		return oci.Document{}, err
	}
	if want != "" {
		if got := want.Algorithm().FromBytes(raw); got != want {
			return oci.Document{}, errs.New(errs.Verification, subject, "manifest %s has the digest %s", want, got)
		}
	}
	doc, err := oci.NewDocument(raw, hint, subject)
	if err != nil {
		return oci.Document{}, err
	}
	if hint == "" && !manifestLike(raw) {
		return oci.Document{}, errs.New(errs.Input, subject, "%s is not a manifest", digest.FromBytes(raw))
	}
	if want != "" {
		doc = doc.Under(want)
	}
	return doc, nil
}

func manifestLike(raw []byte) bool {
	var head struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Layers    json.RawMessage `json:"layers"`
	}
	return json.Unmarshal(raw, &head) == nil && (head.MediaType != "" || head.Manifests != nil || head.Layers != nil)
}

// StatBlob is what a [content.BlobStatter] on files answers: the size of the file that find opens.
func StatBlob(ctx context.Context, d digest.Digest, find func(context.Context, v1.Descriptor) (File, error)) (v1.Descriptor, error) {
	if err := oci.CheckDigest(d.String()); err != nil {
		return v1.Descriptor{}, err
	}
	f, err := find(ctx, v1.Descriptor{Digest: d})
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{Digest: d, Size: f.Size()}, f.Close()
}
