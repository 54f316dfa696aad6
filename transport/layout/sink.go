package layout

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// VersionFile is the content of oci-layout.
const VersionFile = `{"imageLayoutVersion":"` + v1.ImageLayoutVersion + `"}`

// Lock is held while index.json changes.
const Lock = store.PartialDir + "/" + v1.ImageIndexFile + ".lock"

// Sink is a layout opened for writing, a [content.Sink].
//
// Blobs and manifests are stored as they come, where no tag leads to them yet. Commit makes the entries of index.json, as
// [Listing] has it.
type Sink struct {
	dir     fsys.WritableDir
	subject string
	clock   clock.Clock
	blobs   *store.Store

	listing Listing
	mu      sync.Mutex // of Commit
	put     sync.Map   // digests that Commit relies on
}

// Create opens a directory for writing, with the layout that is in it, or to make one with the first Commit. It owns dir:
// Close closes it, and so does an error. subject is what errors name, and c how Commit waits for another one's. Kinds: input for an index.json that is broken,
// unsupported for a layout of another version.
func Create(ctx context.Context, dir fsys.WritableDir, subject string, c clock.Clock) (*Sink, error) {
	s := &Sink{dir: dir, subject: subject, clock: c, blobs: store.NewWith(dir, store.Options{Unsynced: true})}
	_, err := s.readIndex(ctx)
	if err == nil {
		err = checkVersion(ctx, dir, subject)
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return s, nil
}

// PutBlob stores a blob. One that is there with the size of its descriptor is believed to be whole, since it got its name
// when it was; what an earlier run left of it is gone on with.
func (s *Sink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	how, err := store.Put(ctx, s.blobs, b)
	if err == nil {
		s.put.Store(b.Descriptor().Digest, true)
	}
	return how, errs.Wrap(s.subject, err)
}

// PutManifest stores doc. ref is as [NewListed] has it.
func (s *Sink) PutManifest(ctx context.Context, ref string, doc oci.Document) error {
	p, err := NewListed(ref, doc)
	if err == nil {
		_, err = store.Put(ctx, s.blobs, p.Blob())
	}
	if err != nil {
		return errs.Wrap(s.subject, err)
	}
	s.put.Store(p.Descriptor.Digest, true)
	s.listing.Add(p)
	return nil
}

// Commit changes index.json as it is then, under a lock, so that what others wrote to the layout in the meantime stays. Entries and
// fields that this copy has nothing to do with keep their bytes.
func (s *Sink) Commit(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(ctx); err != nil {
		return fsys.Kinded(s.subject, err)
	}
	s.listing.Clear()
	s.put.Clear()
	return nil
}

func (s *Sink) commit(ctx context.Context) (err error) {
	unlock, err := fsys.Lock(ctx, s.dir, Lock, s.clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	raw, err := s.readIndex(ctx)
	if err != nil {
		return err
	}
	changed, err := s.listing.Index(raw)
	if err == nil {
		err = s.stillThere(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.version(ctx); err != nil {
		return err
	}
	if bytes.Equal(changed, raw) {
		return nil
	}
	return store.Replace(ctx, s.dir, v1.ImageIndexFile, changed)
}

// stillThere fails where something that was put is gone: what existed may have belonged to an image that was deleted meanwhile.
func (s *Sink) stillThere(ctx context.Context) (err error) {
	s.put.Range(func(d, _ any) bool {
		if _, err = s.blobs.Stat(ctx, d.(digest.Digest)); errs.Of(err) == errs.NotFound {
			err = errs.New(errs.NotFound, d.(digest.Digest).String(), "was removed by another program while this copy ran").
				Hinted("run the copy again: it stores what is missing")
		}
		return err == nil
	})
	return err
}

// version makes oci-layout where it is missing.
func (s *Sink) version(ctx context.Context) error {
	f, err := s.dir.Open(ctx, v1.ImageLayoutFile)
	switch {
	case err == nil:
		return errors.Join(f.Close(), checkVersion(ctx, s.dir, s.subject))
	case errors.Is(err, fs.ErrNotExist):
		return store.Replace(ctx, s.dir, v1.ImageLayoutFile, []byte(VersionFile))
	}
	return err
}

// readIndex returns the bytes of index.json, checked, or nil where there is none.
func (s *Sink) readIndex(ctx context.Context) ([]byte, error) {
	raw, err := fsys.ReadFile(ctx, s.dir, v1.ImageIndexFile, oci.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fsys.Kinded(s.subject, err)
	}
	_, err = decodeIndex(raw, s.subject)
	return raw, err
}

// Close lets go of the layout. What was stored and not committed stays, for the next copy to find.
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
