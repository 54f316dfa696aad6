// Package dir reads and writes the folders that skopeo writes as dir: (containers/image, directory/directory_dest.go): manifest.json,
// one file for each blob, and <hex>.manifest.json for what an index lists. One image, no tags.
package dir

import (
	"context"
	"errors"
	"io/fs"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

const manifestFile = "manifest.json"

// Source is such a folder opened for reading: a [content.Source] and [content.Resolver].
type Source struct {
	dir     fsys.Dir
	subject string
	root    oci.Document
}

// Open reads manifest.json. It owns dir: Close closes it, and so does an error. subject is what errors name. Kind input
// where there is no manifest.json or it is no manifest. The file version is not looked at, since all versions read alike.
func Open(ctx context.Context, dir fsys.Dir, subject string) (*Source, error) {
	root, err := readRoot(ctx, dir, subject)
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return &Source{dir, subject, root}, nil
}

func readRoot(ctx context.Context, dir fsys.Dir, subject string) (oci.Document, error) {
	f, err := dir.Open(ctx, manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return oci.Document{}, errs.New(errs.Input, subject, "is not a dir: image: has no %s", manifestFile)
	}
	if err != nil {
		return oci.Document{}, fsys.Kinded(subject, err)
	}
	return fsys.ReadDocument(ctx, f, "", "", subject)
}

// file is the name of a blob: its hex, behind the algorithm where that is not SHA-256.
func file(d digest.Digest) string {
	if d.Algorithm() == digest.Canonical {
		return d.Encoded()
	}
	return d.Algorithm().String() + "-" + d.Encoded()
}

// Manifest returns the one manifest for "", and that or a child of it by digest. There are no tags.
func (s *Source) Manifest(ctx context.Context, ref string) (oci.Document, error) {
	if ref == "" {
		return s.root, nil
	}
	if oci.CheckDigest(ref) != nil {
		return oci.Document{}, errs.New(errs.NotFound, s.subject, "has no tag %q: a dir: image has no tags", ref)
	}
	d := digest.Digest(ref)
	if d.Algorithm().FromBytes(s.root.Raw) == d {
		return s.root, nil
	}
	f, err := s.dir.Open(ctx, file(d)+"."+manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return oci.Document{}, errs.New(errs.NotFound, s.subject, "has no manifest %s", d)
	}
	if err != nil {
		return oci.Document{}, fsys.Kinded(s.subject, err)
	}
	return fsys.ReadDocument(ctx, f, d, "", s.subject)
}

// Resolve returns the descriptor of what ref names.
func (s *Source) Resolve(ctx context.Context, ref string) (v1.Descriptor, error) {
	return content.Describe(ctx, s, ref)
}

// StatBlob implements [content.BlobStatter].
func (s *Source) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	return fsys.StatBlob(ctx, d, s.open)
}

// Blob is also a [content.RangeOpener].
func (s *Source) Blob(d v1.Descriptor) content.Blob { return fsys.Blob{D: d, Find: s.open} }

func (s *Source) open(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
	f, err := s.dir.Open(ctx, file(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, d.Digest.String(), "is not in the folder")
	}
	return f, fsys.Kinded(d.Digest.String(), err)
}

// Close closes the directory.
func (s *Source) Close() error { return s.dir.Close() }
