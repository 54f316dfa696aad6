package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// DeleteManifest implements [content.Deleter] (spec.md, "Deleting Manifests"). It is read first: a referrer has a place in the tag
// that lists those of its subject where the registry has no such list.
func (r *repository) DeleteManifest(ctx context.Context, d digest.Digest) error {
	if err := oci.CheckDigest(d.String()); err != nil {
		return errs.Wrap(r.name, err)
	}
	doc, err := r.Manifest(ctx, d.String())
	if errs.Of(err) == errs.NotFound {
		return err
	}
	if err := r.deleteManifest(ctx, d); err != nil {
		return err
	}
	if subject, ok := doc.Subject(); ok {
		return newSink(r.c.repository(r.ref, "pull,push,delete")).forget(ctx, subject, d)
	}
	return nil
}

func (r *repository) deleteManifest(ctx context.Context, d digest.Digest) error {
	_, err := r.delete(ctx, distspec.Manifest, d.String(), r.subject(d.String()), "manifest")
	return err
}

// DeleteBlob implements [content.Deleter] (spec.md, "Deleting Blobs").
func (r *repository) DeleteBlob(ctx context.Context, d digest.Digest) error {
	if err := oci.CheckDigest(d.String()); err != nil {
		return errs.Wrap(r.name, err)
	}
	_, err := r.delete(ctx, distspec.Blob, d.String(), r.blobName(d), "blob")
	return err
}

// delete also returns the status, 0 where there is none.
func (r *repository) delete(ctx context.Context, kind distspec.Kind, ident, subject, what string) (int, error) {
	t := r.target
	t.Scope = scope(r.ref.Repository, "pull,delete")
	resp, err := r.send(ctx, t, r.request("DELETE", kind, ident), subject)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if slices.Contains([]int{200, 202, 204}, resp.Status) { // 202 by the specification
		return resp.Status, nil
	}
	return resp.Status, r.failed(resp, subject, what)
}

// DeleteTag implements [content.Deleter] (spec.md, "Deleting tags"). Where a registry deletes by digest only, as the
// distribution project's did before version 3, the tag is first moved to a manifest of its own, and that is deleted.
func (r *repository) DeleteTag(ctx context.Context, tag string) error {
	if !ref.ValidTag(tag) {
		return errs.New(errs.Input, r.name, "%q is not a tag", tag)
	}
	subject := r.subject(tag)
	status, err := r.delete(ctx, distspec.Manifest, tag, subject, "tag")
	switch status {
	case 400, 405, 501:
	case 404: // some say so of any tag
		if _, gone := r.Manifest(ctx, tag); gone != nil {
			return err
		}
	default:
		return err
	}
	return r.replaceTag(ctx, tag)
}

// replaceTag moves the tag to a manifest that nothing else names, and deletes that. A registry that deletes nothing mostly says so
// when it is asked to delete what is not there, and else before the tag is touched; should the deletion fail all the same, the tag
// gets back what it named.
func (r *repository) replaceTag(ctx context.Context, tag string) error {
	was, err := r.Manifest(ctx, tag)
	if err != nil {
		return err
	}
	if status, err := r.delete(ctx, distspec.Manifest, nothing, r.subject(tag), "tag"); status == 405 || status == 501 {
		return err
	}
	s := newSink(r.c.repository(r.ref, "pull,push"))
	empty := inline(v1.DescriptorEmptyJSON)
	if _, err := s.PutBlob(ctx, empty); err != nil {
		return err
	}
	doc, err := placeholder(tag, empty.Descriptor())
	if err != nil {
		return errs.New(errs.Internal, r.name, "%w", err)
	}
	for _, name := range []string{doc.Digest().String(), tag} {
		if err := s.push(ctx, name, doc); err != nil {
			return err
		}
		if err := r.deleteManifest(ctx, doc.Digest()); err != nil {
			if name == tag {
				err = errors.Join(err, s.pushTag(context.WithoutCancel(ctx), tag, was))
			}
			return err
		}
	}
	return nil
}

// placeholder is a manifest that is unlike any other.
func placeholder(tag string, empty v1.Descriptor) (oci.Document, error) {
	raw, err := json.Marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		ArtifactType: "application/vnd.stevedore.deleted", Config: empty, Layers: []v1.Descriptor{empty},
		Annotations: map[string]string{"dev.stevedore.deleted": tag + " " + rand.Text()},
	})
	return oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: raw}, err
}

// inline is a blob whose content is in its descriptor.
type inline v1.Descriptor

func (i inline) Descriptor() v1.Descriptor {
	d := v1.Descriptor(i)
	d.Data = nil
	return d
}

func (i inline) Open(ctx context.Context) (io.ReadCloser, error) {
	return fetchshim.Bytes(i.Data).Open(ctx)
}
