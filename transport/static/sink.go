package static

import (
	"context"
	"errors"
	"path"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// Lock is held while manifests and lists change, those of all repositories.
const Lock = store.PartialDir + "/registry.lock"

// Sink is one repository of a folder opened for writing, a [content.Sink]. Blobs are stored as they come; Commit writes the
// manifests, those that have no tag first, and then the documents that list tags, repositories and referrers.
type Sink struct {
	store.Shared
	store.Changes
	name    string
	listing layout.Listing

	once   sync.Once
	others []string // repositories whose blobs may be shared
}

// Create opens the repository of that name for writing, and makes folder and repository where there are none. It owns dir:
// Close closes it, and so does an error. subject is what errors name, and c how Commit waits for another one's. Kind
// input for a name that a repository cannot have.
func Create(dir fsys.WritableDir, name, subject string, c clock.Clock) (*Sink, error) {
	err := checkName(name)
	if name == "" {
		err = errs.New(errs.Input, "", "names no repository").Hinted("write static:PATH:NAME:TAG, for example static:./public:team/app:v1")
	}
	if err != nil {
		return nil, errors.Join(errs.Wrap(subject, err), dir.Close())
	}
	blobs := store.NewWith(dir, store.Options{Name: func(d digest.Digest) string { return blobPath(name, d) }})
	return &Sink{Shared: store.Shared{Dir: dir, Subject: subject, Clock: c, Blobs: blobs, Lock: Lock}, name: name}, nil
}

// PutBlob stores a blob, or links it from another repository of the folder. One that is there with the size of its descriptor
// is believed to be whole; what an earlier run left of it is gone on with.
func (s *Sink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	how, err := s.put(ctx, b)
	return how, errs.Wrap(s.Subject, err)
}

func (s *Sink) put(ctx context.Context, b content.Blob) (content.How, error) {
	d := b.Descriptor()
	if have, err := s.Blobs.Stat(ctx, d.Digest); err != nil || have.Size != d.Size {
		if other, ok := s.elsewhere(ctx, d); ok {
			linked, err := s.Blobs.Link(ctx, other)
			if linked {
				return content.Mounted, nil
			}
			if err != nil && errs.Of(err) != errs.Verification {
				return "", err
			}
		}
	}
	return store.Put(ctx, s.Blobs, b)
}

// maxOthers is in how many other repositories a blob is looked for.
const maxOthers = 1000

// elsewhere finds a blob in another repository.
func (s *Sink) elsewhere(ctx context.Context, d v1.Descriptor) (content.Blob, bool) {
	s.once.Do(func() {
		names, _ := repositories(ctx, s.Dir) // where there is no folder yet, there is nothing to share
		s.others = names[:min(len(names), maxOthers)]
	})
	if oci.CheckDescriptor(d) != nil {
		return nil, false
	}
	for _, name := range s.others {
		f, err := s.Dir.Open(ctx, blobPath(name, d.Digest))
		if name == s.name || err != nil {
			continue
		}
		size := f.Size()
		_ = f.Close()
		if size == d.Size {
			return fsys.Blob{D: d, Find: func(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
				return s.Dir.Open(ctx, blobPath(name, d.Digest))
			}}, true
		}
	}
	return nil, false
}

// PutManifest keeps doc for Commit. ref is a tag, a digest of doc, or "".
func (s *Sink) PutManifest(_ context.Context, name string, doc oci.Document) error {
	p, err := layout.NewListed(name, doc)
	if err == nil && p.Tag != "" && !ref.ValidTag(p.Tag) {
		err = errs.New(errs.Input, "", "%q is not a tag", p.Tag)
	}
	if err != nil {
		return errs.Wrap(s.Subject, err)
	}
	s.listing.Add(p)
	return nil
}

// Commit makes the manifests visible. The blobs are on the disk before them.
func (s *Sink) Commit(ctx context.Context) error {
	if err := s.Change(ctx, s.commit); err != nil {
		return err
	}
	s.listing.Clear()
	return nil
}

func (s *Sink) commit(ctx context.Context) error {
	puts := s.listing.All()
	for _, p := range puts { // the digests of all before any tag
		if err := s.Update(ctx, s.Dir, s.manifest(p.Descriptor.Digest.String()), p.Document); err != nil {
			return err
		}
	}
	for _, p := range puts {
		if p.Tag == "" {
			continue
		}
		if err := s.Update(ctx, s.Dir, s.manifest(p.Tag), p.Document); err != nil {
			return err
		}
	}
	return s.index(ctx, puts)
}

func (s *Sink) manifest(name string) string { return path.Join(top, s.name, manifests, name) }

var (
	_ content.Sink    = (*Sink)(nil)
	_ content.Checker = (*Sink)(nil)
	_ content.Changer = (*Sink)(nil)
)
