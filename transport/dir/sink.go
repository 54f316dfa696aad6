package dir

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// The file by which such a folder is known, and what is in it (containers/image, directory/directory_dest.go).
const (
	versionFile    = "version"
	versionPrefix  = "Directory Transport Version: "
	versionContent = versionPrefix + "1.1\n"
)

// Lock is held as long as a folder is open for writing.
const Lock = store.PartialDir + "/write.lock"

// Sink is such a folder opened for writing, a [content.Sink]. Blobs are stored as they come; the manifest that makes an image
// of them, and takes the place of the one that was there, is written by Commit.
type Sink struct {
	store.Changes
	dir     fsys.WritableDir
	subject string
	unlock  func() error
	blobs   *store.Store
	listing layout.Listing // of which only the roots matter: there are no tags
}

// Create opens a folder for writing that is empty or has a dir: image. It owns dir: Close closes it, and so does an error.
// subject is what errors name. Kinds: input for a folder with something else in it, whose files could be taken for those of
// the image and removed; denied when another process writes to it.
func Create(ctx context.Context, dir fsys.WritableDir, subject string) (*Sink, error) {
	unlock, ok, err := fsys.TryLock(ctx, dir, Lock)
	if err == nil && !ok {
		err = errs.New(errs.Denied, subject, "is being written by another process")
	}
	if err != nil {
		return nil, errors.Join(fsys.Kinded(subject, err), dir.Close())
	}
	s := &Sink{dir: dir, subject: subject, unlock: unlock, blobs: store.NewWith(dir, store.Options{Name: file, Unsynced: true})}
	if err := s.claim(ctx); err != nil {
		return nil, errors.Join(fsys.Kinded(subject, err), s.Close())
	}
	return s, nil
}

// claim makes the folder one of ours, unless it is somebody else's.
func (s *Sink) claim(ctx context.Context) error {
	b, err := fsys.ReadFile(ctx, s.dir, versionFile, oci.MaxError)
	if err == nil && strings.HasPrefix(string(b), versionPrefix) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := s.dir.List(ctx, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name != store.PartialDir {
			return errs.New(errs.Input, "", "is a folder with other files in it and no dir: image").Hinted("name a folder that is empty or does not exist")
		}
	}
	return store.Replace(ctx, s.dir, versionFile, []byte(versionContent))
}

// PutBlob stores a blob. One that is there with the size of its descriptor is believed to be whole; what an earlier run left of
// it is gone on with.
func (s *Sink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	how, err := store.Put(ctx, s.blobs, b)
	return how, errs.Wrap(s.subject, err)
}

// PutManifest keeps doc for Commit. ref is "" or a digest. The one manifest that no index lists is the image; those about it
// (with a subject) and what it lists are found by digest.
func (s *Sink) PutManifest(_ context.Context, ref string, doc oci.Document) error {
	p, err := layout.NewListed(ref, doc)
	if err == nil && p.Tag != "" {
		err = errs.New(errs.Input, "", "a dir: image has no tags, and %q is one", p.Tag)
	}
	if err != nil {
		return errs.Wrap(s.subject, err)
	}
	s.listing.Add(p)
	return nil
}

// Commit makes the image, and removes what was part of another one before.
func (s *Sink) Commit(ctx context.Context) error {
	if err := s.commit(ctx); err != nil {
		return fsys.Kinded(s.subject, err)
	}
	s.listing.Clear()
	return nil
}

func (s *Sink) commit(ctx context.Context) error {
	root, err := s.root()
	if err != nil {
		return err
	}
	keep := map[string]bool{manifestFile: true, versionFile: true}
	for _, p := range s.listing.All() {
		if err := mark(keep, p.Document); err != nil {
			return err
		}
		name := file(p.Descriptor.Digest) + "." + manifestFile
		if p.Document.Digest() == root.Digest() || keep[name] {
			continue
		}
		keep[name] = true
		if err := s.Update(ctx, s.dir, name, p.Document); err != nil {
			return err
		}
	}
	if err := s.removeOthers(ctx, keep, isSignature); err != nil { // of another manifest than the new one
		return err
	}
	if err := store.Replace(ctx, s.dir, versionFile, []byte(versionContent)); err != nil {
		return err
	}
	if err := s.Update(ctx, s.dir, manifestFile, root); err != nil {
		return err
	}
	return s.removeOthers(ctx, keep, isContent)
}

// root is the manifest that the others belong to.
func (s *Sink) root() (oci.Document, error) {
	roots, err := s.listing.Roots()
	if err != nil {
		return oci.Document{}, err
	}
	given := func(d digest.Digest) bool {
		return slices.ContainsFunc(s.listing.All(), func(p layout.Listed) bool { return p.Descriptor.Digest == d })
	}
	var found []oci.Document
	for _, p := range roots {
		if !p.Document.IsIndex() {
			if m, err := p.Document.Manifest(); err == nil && m.Subject != nil && given(m.Subject.Digest) {
				continue
			}
		}
		same := func(d oci.Document) bool { return d.Digest() == p.Document.Digest() }
		if !slices.ContainsFunc(found, same) {
			found = append(found, p.Document)
		}
	}
	if len(found) != 1 {
		return oci.Document{}, errs.New(errs.Input, "", "a dir: image is one image or index, and %d were given", len(found))
	}
	return found[0], nil
}

// mark notes the blobs of a manifest.
func mark(keep map[string]bool, doc oci.Document) error {
	if doc.IsIndex() {
		x, err := doc.Index()
		if err != nil {
			return err
		}
		for _, d := range x.Manifests {
			keep[file(d.Digest)] = true // of a type that is stored as a blob
		}
		return nil
	}
	m, err := doc.Manifest()
	if err != nil {
		return err
	}
	for _, d := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		if d.Digest != "" { // an artifact may have no config
			keep[file(d.Digest)] = true
		}
	}
	return nil
}

// removeOthers removes what is not kept and has a name that the transport gives.
func (s *Sink) removeOthers(ctx context.Context, keep map[string]bool, ours func(name string) bool) error {
	entries, err := s.dir.List(ctx, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Dir || keep[e.Name] || !ours(e.Name) {
			continue
		}
		if err := s.dir.Remove(ctx, e.Name); err != nil {
			return err
		}
	}
	return nil
}

// isSignature says whether a file is a signature as skopeo stores them: signature-N, or for a child <hex>.signature-N.
func isSignature(name string) bool {
	of, n, ok := strings.Cut(name, "signature-")
	child, dotted := strings.CutSuffix(of, ".")
	return ok && n != "" && strings.Trim(n, "0123456789") == "" && (of == "" || dotted && isContent(child))
}

// isContent says whether a file is a blob or the manifest of a child.
func isContent(name string) bool {
	name = strings.TrimSuffix(name, "."+manifestFile)
	algorithm, hex, ok := strings.Cut(name, "-")
	if !ok {
		algorithm, hex = string(digest.Canonical), name
	}
	return oci.CheckDigest(algorithm+":"+hex) == nil
}

// Close lets go of the folder. What was stored and not committed stays, for the next copy to find.
func (s *Sink) Close() error {
	err := s.unlock()
	s.blobs.Tidy(context.Background(), Lock)
	return errors.Join(err, s.dir.Close())
}

// CheckBlob implements [content.Checker].
func (s *Sink) CheckBlob(ctx context.Context, d v1.Descriptor) error {
	return errs.Wrap(s.subject, s.blobs.CheckBlob(ctx, d))
}

var (
	_ content.Sink    = (*Sink)(nil)
	_ content.Checker = (*Sink)(nil)
)
