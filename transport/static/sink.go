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
	dir     fsys.WritableDir
	subject string
	name    string
	clock   clock.Clock
	blobs   *store.Store
	listing layout.Listing
	mu      sync.Mutex // of Commit

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
	return &Sink{
		dir: dir, subject: subject, name: name, clock: c,
		blobs: store.NewWith(dir, store.Options{Unsynced: true, Name: func(d digest.Digest) string { return blobPath(name, d) }}),
	}, nil
}

// PutBlob stores a blob, or links it from another repository of the folder. One that is there with the size of its descriptor
// is believed to be whole; what an earlier run left of it is gone on with.
func (s *Sink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	how, err := s.put(ctx, b)
	return how, errs.Wrap(s.subject, err)
}

func (s *Sink) put(ctx context.Context, b content.Blob) (content.How, error) {
	d := b.Descriptor()
	if have, err := s.blobs.Stat(ctx, d.Digest); err != nil || have.Size != d.Size {
		if other, ok := s.elsewhere(ctx, d); ok {
			linked, err := s.blobs.Link(ctx, other)
			if linked {
				return content.Mounted, nil
			}
			if err != nil && errs.Of(err) != errs.Verification {
				return "", err
			}
		}
	}
	return store.Put(ctx, s.blobs, b)
}

// maxOthers is in how many other repositories a blob is looked for.
const maxOthers = 1000

// elsewhere finds a blob in another repository.
func (s *Sink) elsewhere(ctx context.Context, d v1.Descriptor) (content.Blob, bool) {
	s.once.Do(func() {
		names, _ := repositories(ctx, s.dir) // where there is no folder yet, there is nothing to share
		s.others = names[:min(len(names), maxOthers)]
	})
	if oci.CheckDescriptor(d) != nil {
		return nil, false
	}
	for _, name := range s.others {
		f, err := s.dir.Open(ctx, blobPath(name, d.Digest))
		if name == s.name || err != nil {
			continue
		}
		size := f.Size()
		_ = f.Close()
		if size == d.Size {
			return fsys.Blob{D: d, Find: func(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
				return s.dir.Open(ctx, blobPath(name, d.Digest))
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
		return errs.Wrap(s.subject, err)
	}
	s.listing.Add(p)
	return nil
}

// Commit makes the manifests visible.
func (s *Sink) Commit(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(ctx); err != nil {
		return fsys.Kinded(s.subject, err)
	}
	s.listing.Clear()
	return nil
}

func (s *Sink) commit(ctx context.Context) (err error) {
	unlock, err := fsys.Lock(ctx, s.dir, Lock, s.clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	puts := s.listing.All()
	for _, p := range puts { // the digests of all before any tag
		if err := store.Replace(ctx, s.dir, s.manifest(p.Descriptor.Digest.String()), p.Document.Raw); err != nil {
			return err
		}
	}
	for _, p := range puts {
		if p.Tag == "" {
			continue
		}
		if err := store.Replace(ctx, s.dir, s.manifest(p.Tag), p.Document.Raw); err != nil {
			return err
		}
	}
	return s.index(ctx, puts)
}

func (s *Sink) manifest(name string) string { return path.Join(top, s.name, manifests, name) }

// Close lets go of the folder. What was stored and not committed stays, for the next copy to find.
func (s *Sink) Close() error {
	s.blobs.Tidy(context.Background(), Lock)
	return s.dir.Close()
}

// CheckBlob implements [content.Checker].
func (s *Sink) CheckBlob(ctx context.Context, d v1.Descriptor) error {
	return errs.Wrap(s.subject, s.blobs.CheckBlob(ctx, d))
}

var (
	_ content.Sink    = (*Sink)(nil)
	_ content.Checker = (*Sink)(nil)
)
