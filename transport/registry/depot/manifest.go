package depot

import (
	"bytes"
	"context"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// document is a manifest as a blob.
type document struct {
	d   v1.Descriptor
	raw []byte
}

func (m document) Descriptor() v1.Descriptor { return m.d }

func (m document) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.raw)), nil
}

// PutManifest implements [serve.Repository]. What the manifest lists must be there: kind not_found where it is not.
func (r *Repository) PutManifest(ctx context.Context, d digest.Digest, tag string, doc oci.Document) error {
	if err := r.complete(ctx, doc); err != nil {
		return err
	}
	desc := v1.Descriptor{MediaType: doc.MediaType, Digest: d, Size: int64(len(doc.Raw))}
	if _, err := store.Put(ctx, r.depot.store, document{desc, doc.Raw}); err != nil {
		return err
	}
	if err := r.depot.write(ctx, r.linkPath(manifests, d), doc.MediaType); err != nil {
		return err
	}
	if subject, ok := doc.Subject(); ok {
		if err := r.depot.write(ctx, r.path(referrers, dashed(subject.Digest), dashed(d)), ""); err != nil {
			return err
		}
	}
	if tag == "" {
		return nil
	}
	return r.depot.write(ctx, r.path(tags, tag), d.String())
}

// complete looks for what a manifest lists. Foreign layers are elsewhere, and a subject may come later.
func (r *Repository) complete(ctx context.Context, doc oci.Document) error {
	kind, needs := blobs, []v1.Descriptor(nil)
	if doc.IsIndex() {
		x, err := doc.Index()
		if err != nil {
			return err
		}
		kind, needs = manifests, x.Manifests
	} else {
		m, err := doc.Manifest()
		if err != nil {
			return err
		}
		needs = m.Layers
		if m.Config.Digest != "" {
			needs = append(needs, m.Config)
		}
	}
	for _, d := range needs {
		if oci.IsForeign(d.MediaType) {
			continue
		}
		ok, err := r.has(ctx, kind, d.Digest)
		if err != nil {
			return err
		}
		if !ok {
			return errs.New(errs.NotFound, d.Digest.String(), "is listed by the manifest and not there")
		}
	}
	return nil
}

// Referrers implements [content.ReferrerLister].
func (r *Repository) Referrers(ctx context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return func(yield func(v1.Descriptor, error) bool) {
		if err := oci.CheckDigest(subject.String()); err != nil {
			yield(v1.Descriptor{}, err)
			return
		}
		entries, err := r.depot.list(ctx, r.path(referrers, dashed(subject)))
		if err != nil {
			yield(v1.Descriptor{}, err)
			return
		}
		for _, e := range entries {
			d := digest.Digest(strings.Replace(e.Name, "-", ":", 1))
			doc, err := r.Manifest(ctx, d.String())
			if errs.Of(err) == errs.NotFound {
				continue
			}
			desc, _ := doc.Referrer(subject)
			desc.Digest = d
			if !yield(desc, err) || err != nil {
				return
			}
		}
	}
}

func dashed(d digest.Digest) string { return d.Algorithm().String() + "-" + d.Encoded() }

// DeleteManifest implements [content.Deleter].
func (r *Repository) DeleteManifest(ctx context.Context, d digest.Digest) error {
	doc, err := r.Manifest(ctx, d.String())
	if err != nil {
		return err
	}
	entries, err := r.depot.list(ctx, r.path(tags))
	if err != nil {
		return err
	}
	gone := []string{r.linkPath(manifests, d)}
	for _, e := range entries {
		if at, err := r.find(ctx, e.Name); err == nil && at == d {
			gone = append(gone, r.path(tags, e.Name))
		}
	}
	if subject, ok := doc.Subject(); ok {
		gone = append(gone, r.path(referrers, dashed(subject.Digest), dashed(d)))
	}
	for _, name := range gone {
		if err := r.remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// DeleteTag implements [content.Deleter].
func (r *Repository) DeleteTag(ctx context.Context, tag string) error {
	if _, err := r.find(ctx, tag); err != nil {
		return err
	}
	return r.remove(ctx, r.path(tags, tag))
}

// DeleteBlob implements [content.Deleter]. Other repositories may share the content: it stays.
func (r *Repository) DeleteBlob(ctx context.Context, d digest.Digest) error {
	if _, err := r.StatBlob(ctx, d); err != nil {
		return err
	}
	return r.remove(ctx, r.linkPath(blobs, d))
}

func (r *Repository) remove(ctx context.Context, name string) error {
	return errs.Wrap(path.Base(name), r.depot.dir.Remove(ctx, name))
}
