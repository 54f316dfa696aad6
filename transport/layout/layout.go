// Package layout reads and writes OCI image layouts, the scheme oci:
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md).
//
// It takes what skopeo, umoci, buildah, crane, regctl, oras and docker buildx write: images nested in an index that is
// nested in index.json, several tags on one digest, and tags that are whole reference names.
package layout

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// unknown is the size of a manifest that is known by its digest only.
const unknown = -1

// Source is a layout opened for reading: a [content.Source], [content.Resolver], [content.TagLister], [content.BlobStatter] and
// [content.ReferrerLister].
type Source struct {
	dir     fsys.Dir
	subject string
	entries []v1.Descriptor

	mu    sync.Mutex
	about map[digest.Digest][]v1.Descriptor // entries by the subject of their manifests; nil until they are asked for
}

// Open reads index.json. It owns dir: Close closes it, and so does an error. subject is what errors name. Kinds: input
// when there is no index.json or it is broken, unsupported for a layout of another version. A missing oci-layout file
// is tolerated, since nothing depends on it.
func Open(ctx context.Context, dir fsys.Dir, subject string) (*Source, error) {
	entries, err := readIndex(ctx, dir, subject)
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return &Source{dir: dir, subject: subject, entries: entries}, nil
}

func readIndex(ctx context.Context, dir fsys.Dir, subject string) ([]v1.Descriptor, error) {
	raw, err := fsys.ReadFile(ctx, dir, v1.ImageIndexFile, oci.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noIndex(ctx, dir, subject)
	}
	if err != nil {
		return nil, fsys.Kinded(subject, err)
	}
	if err := checkVersion(ctx, dir, subject); err != nil {
		return nil, err
	}
	return decodeIndex(raw, subject)
}

// noIndex is the error for a directory without index.json, which a first copy makes when all else is there.
func noIndex(ctx context.Context, dir fsys.Dir, subject string) error {
	err := errs.New(errs.Input, subject, "is not an OCI layout: has no %s", v1.ImageIndexFile)
	for _, begun := range []string{v1.ImageBlobsDir, store.PartialDir} {
		if entries, _ := dir.List(ctx, begun); len(entries) > 0 {
			return err.Hinted("if a copy into it was interrupted, run that again: it goes on where it stopped")
		}
	}
	return err
}

func decodeIndex(raw []byte, subject string) ([]v1.Descriptor, error) {
	doc, err := oci.NewDocument(raw, v1.MediaTypeImageIndex, subject+": "+v1.ImageIndexFile)
	if err != nil {
		return nil, err
	}
	x, err := doc.Index()
	if err != nil {
		return nil, errs.Wrap(subject+": "+v1.ImageIndexFile, err)
	}
	return x.Manifests, nil
}

func checkVersion(ctx context.Context, dir fsys.Dir, subject string) error {
	raw, err := fsys.ReadFile(ctx, dir, v1.ImageLayoutFile, oci.MaxError)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fsys.Kinded(subject, err)
	}
	var l v1.ImageLayout
	if err := json.Unmarshal(raw, &l); err != nil {
		return errs.New(errs.Input, subject, "%s: %v", v1.ImageLayoutFile, err)
	}
	if !strings.HasPrefix(l.Version, "1.") {
		return errs.New(errs.Unsupported, subject, "is an OCI layout of version %q, known is %s", l.Version, v1.ImageLayoutVersion)
	}
	return nil
}

// BlobPath is where a layout keeps the blob of a validated digest.
func BlobPath(d digest.Digest) string {
	return v1.ImageBlobsDir + "/" + d.Algorithm().String() + "/" + d.Encoded()
}

// Manifest returns the manifest of a tag (an annotation of an entry in index.json), of any digest whose blob is there,
// or for "" the only entry, the only one with a tag, or the one tagged latest. Kind input where several would do; the hint lists them.
func (s *Source) Manifest(ctx context.Context, ref string) (oci.Document, error) {
	_, doc, err := s.read(ctx, ref)
	return doc, err
}

// Resolve returns the descriptor of what ref names. It reads the manifest, which is as cheap as a look at it here.
func (s *Source) Resolve(ctx context.Context, ref string) (v1.Descriptor, error) {
	d, doc, err := s.read(ctx, ref)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: doc.MediaType, Digest: d.Digest, Size: int64(len(doc.Raw))}, nil
}

func (s *Source) read(ctx context.Context, ref string) (v1.Descriptor, oci.Document, error) {
	d, err := s.find(ref)
	if err != nil {
		return d, oci.Document{}, err
	}
	f, err := s.open(ctx, d)
	if err != nil {
		return d, oci.Document{}, errs.Wrap(s.subject, err)
	}
	if d.Size != unknown && f.Size() != d.Size {
		_ = f.Close()
		return d, oci.Document{}, errs.New(errs.Verification, s.subject, "manifest %s has %d bytes, its descriptor says %d", d.Digest, f.Size(), d.Size)
	}
	doc, err := fsys.ReadDocument(ctx, f, d.Digest, d.MediaType, s.subject)
	return d, doc, err
}

// find returns the entry that ref names, for a digest that is no entry a descriptor with no more than the digest.
func (s *Source) find(ref string) (v1.Descriptor, error) {
	if !strings.Contains(ref, ":") || oci.CheckDigest(ref) != nil {
		return pick(s.entries, ref, s.subject)
	}
	for _, e := range s.entries {
		if e.Digest.String() == ref {
			return e, nil
		}
	}
	return v1.Descriptor{Digest: digest.Digest(ref), Size: unknown}, nil
}

// open opens the file of a blob whose digest is valid.
func (s *Source) open(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
	f, err := s.dir.Open(ctx, BlobPath(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, d.Digest.String(), "is not in the layout")
	}
	if err != nil {
		return nil, fsys.Kinded(d.Digest.String(), err)
	}
	return f, nil
}

// StatBlob implements [content.BlobStatter].
func (s *Source) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	return fsys.StatBlob(ctx, d, s.open)
}

// Blob is also a [content.RangeOpener].
func (s *Source) Blob(d v1.Descriptor) content.Blob { return fsys.Blob{D: d, Find: s.open} }

// Entries are the descriptors in index.json, in its order.
func (s *Source) Entries() []v1.Descriptor { return s.entries }

// Tags lists the tags in the order of index.json, each once.
func (s *Source) Tags(_ context.Context, last string) iter.Seq2[string, error] {
	return content.After(tags(s.entries), last, s.subject)
}

// Close closes the directory.
func (s *Source) Close() error { return s.dir.Close() }
