package depot

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// Repository is one repository, a [serve.Repository].
type Repository struct {
	depot *Depot
	name  string
}

var _ serve.Repository = (*Repository)(nil)

// maxLink is the size of a tag or link, in bytes.
const maxLink = 1 << 10

// path is a place in the repository.
func (r *Repository) path(parts ...string) string {
	return path.Join(append([]string{repositories, r.name}, parts...)...)
}

func (r *Repository) linkPath(kind string, d digest.Digest) string {
	return r.path(kind, d.Algorithm().String(), d.Encoded())
}

// read reads a small file; ok is false where it is not there.
func (r *Repository) read(ctx context.Context, name string) (text string, ok bool, err error) {
	raw, err := fsys.ReadFile(ctx, r.depot.dir, name, maxLink)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return string(raw), err == nil, fsys.Kinded(name, err)
}

// link makes a blob of the store one of the repository.
func (r *Repository) link(ctx context.Context, d digest.Digest) error {
	return r.depot.write(ctx, r.linkPath(blobs, d), "")
}

// Manifest implements [content.Source].
func (r *Repository) Manifest(ctx context.Context, name string) (oci.Document, error) {
	d, err := r.find(ctx, name)
	if err != nil {
		return oci.Document{}, err
	}
	mediaType, ok, err := r.read(ctx, r.linkPath(manifests, d))
	if err != nil {
		return oci.Document{}, err
	}
	if !ok {
		return oci.Document{}, errs.New(errs.NotFound, name, "is no manifest of %s", r.name)
	}
	f, err := r.depot.store.Open(ctx, d, 0)
	if err != nil {
		return oci.Document{}, err
	}
	defer func() { _ = f.Close() }()
	raw, err := oci.ReadLimited(f, oci.MaxManifest, name)
	if err != nil {
		return oci.Document{}, err
	}
	if got := d.Algorithm().FromBytes(raw); got != d {
		return oci.Document{}, errs.New(errs.Verification, name, "manifest %s has the digest %s", d, got)
	}
	return oci.Document{MediaType: mediaType, Raw: raw}.Under(d), nil
}

// find is the digest that a tag, a digest, or "" (the tag latest) names.
func (r *Repository) find(ctx context.Context, name string) (digest.Digest, error) {
	if oci.CheckDigest(name) == nil {
		return digest.Digest(name), nil
	}
	if name == "" {
		name = ref.DefaultTag
	}
	if !ref.ValidTag(name) {
		return "", errs.New(errs.Input, name, "is not a tag")
	}
	d, ok, err := r.read(ctx, r.path(tags, name))
	if err == nil && !ok {
		err = errs.New(errs.NotFound, name, "is no tag of %s", r.name)
	}
	if err == nil {
		err = oci.CheckDigest(d)
	}
	return digest.Digest(d), err
}

// Resolve implements [content.Resolver].
func (r *Repository) Resolve(ctx context.Context, name string) (v1.Descriptor, error) {
	d, err := r.find(ctx, name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	mediaType, ok, err := r.read(ctx, r.linkPath(manifests, d))
	if err != nil {
		return v1.Descriptor{}, err
	}
	if !ok {
		return v1.Descriptor{}, errs.New(errs.NotFound, name, "is no manifest of %s", r.name)
	}
	desc, err := r.depot.store.Stat(ctx, d)
	desc.MediaType = mediaType
	return desc, err
}

// Tags implements [content.TagLister], in lexical order.
func (r *Repository) Tags(ctx context.Context, last string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := r.depot.list(ctx, r.path(tags))
		if err != nil {
			yield("", err)
			return
		}
		for _, e := range entries {
			if e.Name > last && !yield(e.Name, nil) {
				return
			}
		}
	}
}

// has says whether the repository has a blob.
func (r *Repository) has(ctx context.Context, kind string, d digest.Digest) (bool, error) {
	if err := oci.CheckDigest(d.String()); err != nil {
		return false, err
	}
	_, ok, err := r.read(ctx, r.linkPath(kind, d))
	return ok, err
}

// StatBlob implements [content.BlobStatter]: a blob of another repository is not there.
func (r *Repository) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	ok, err := r.has(ctx, blobs, d)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if !ok {
		return v1.Descriptor{}, errs.New(errs.NotFound, d.String(), "is no blob of %s", r.name)
	}
	return r.depot.store.Stat(ctx, d)
}

// Blob implements [content.Source]; it is also a [content.RangeOpener].
func (r *Repository) Blob(d v1.Descriptor) content.Blob { return fsys.Blob{D: d, Find: r.open} }

func (r *Repository) open(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
	if _, err := r.StatBlob(ctx, d.Digest); err != nil {
		return nil, err
	}
	f, err := r.depot.dir.Open(ctx, path.Join(v1.ImageBlobsDir, d.Digest.Algorithm().String(), d.Digest.Encoded()))
	return f, fsys.Kinded(d.Digest.String(), err)
}

// Mount implements [serve.Repository]. Without from, any repository will do, so the store has the answer: who knows the
// digest of content may have it (spec.md, "Mounting a blob from another repository").
func (r *Repository) Mount(ctx context.Context, d digest.Digest, from string) error {
	if from != "" {
		other, err := r.depot.repository(from)
		if err != nil {
			return err
		}
		if _, err := other.StatBlob(ctx, d); err != nil {
			return err
		}
	}
	if _, err := r.depot.store.Stat(ctx, d); err != nil {
		return err
	}
	return r.link(ctx, d)
}

// Close implements [content.Source]; there is nothing to close.
func (r *Repository) Close() error { return nil }
