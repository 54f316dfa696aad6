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
	store.Shared
	store.Changes
	listing Listing
	put     sync.Map // digests that Commit relies on
}

// Create opens a directory for writing, with the layout that is in it, or to make one with the first Commit. It owns dir:
// Close closes it, and so does an error. subject is what errors name, and c how Commit waits for another one's. Kinds: input for an index.json that is broken,
// unsupported for a layout of another version.
func Create(ctx context.Context, dir fsys.WritableDir, subject string, c clock.Clock) (*Sink, error) {
	s := &Sink{Shared: store.Shared{Dir: dir, Subject: subject, Clock: c, Blobs: store.New(dir), Lock: Lock}}
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
	how, err := store.Put(ctx, s.Blobs, b)
	if err == nil {
		s.put.Store(b.Descriptor().Digest, true)
	}
	return how, errs.Wrap(s.Subject, err)
}

// PutManifest stores doc. ref is as [NewListed] has it.
func (s *Sink) PutManifest(ctx context.Context, ref string, doc oci.Document) error {
	p, err := NewListed(ref, doc)
	var how content.How
	if err == nil {
		how, err = store.Put(ctx, s.Blobs, p.Blob())
	}
	if err != nil {
		return errs.Wrap(s.Subject, err)
	}
	if how != content.Existed {
		s.Note(doc)
	}
	s.put.Store(p.Descriptor.Digest, true)
	s.listing.Add(p)
	return nil
}

// Commit changes index.json as it is then, under a lock, so that what others wrote to the layout in the meantime stays. Entries and
// fields that this copy has nothing to do with keep their bytes. The blobs are on the disk before it, and it is when Commit returns.
func (s *Sink) Commit(ctx context.Context) error {
	if err := s.Change(ctx, s.commit); err != nil {
		return err
	}
	s.listing.Clear()
	s.put.Clear()
	return nil
}

func (s *Sink) commit(ctx context.Context) error {
	raw, err := s.readIndex(ctx)
	if err != nil {
		return err
	}
	index, changed, err := s.listing.Index(raw)
	if err == nil {
		err = s.stillThere(ctx)
	}
	if err != nil {
		return err
	}
	for _, p := range changed {
		s.Note(p.Document)
	}
	if err := s.version(ctx); err != nil {
		return err
	}
	if bytes.Equal(index, raw) {
		return nil
	}
	return store.Replace(ctx, s.Dir, v1.ImageIndexFile, index)
}

// stillThere fails where something that was put is gone: what existed may have belonged to an image that was deleted meanwhile.
func (s *Sink) stillThere(ctx context.Context) (err error) {
	s.put.Range(func(d, _ any) bool {
		if _, err = s.Blobs.Stat(ctx, d.(digest.Digest)); errs.Of(err) == errs.NotFound {
			err = errs.New(errs.NotFound, d.(digest.Digest).String(), "was removed by another program while this copy ran").
				Hinted("run the copy again: it stores what is missing")
		}
		return err == nil
	})
	return err
}

// version makes oci-layout where it is missing.
func (s *Sink) version(ctx context.Context) error {
	f, err := s.Dir.Open(ctx, v1.ImageLayoutFile)
	switch {
	case err == nil:
		return errors.Join(f.Close(), checkVersion(ctx, s.Dir, s.Subject))
	case errors.Is(err, fs.ErrNotExist):
		return store.Replace(ctx, s.Dir, v1.ImageLayoutFile, []byte(VersionFile))
	}
	return err
}

// readIndex returns the bytes of index.json, checked, or nil where there is none.
func (s *Sink) readIndex(ctx context.Context) ([]byte, error) {
	raw, err := fsys.ReadFile(ctx, s.Dir, v1.ImageIndexFile, oci.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fsys.Kinded(s.Subject, err)
	}
	_, err = decodeIndex(raw, s.Subject)
	return raw, err
}

var (
	_ content.Sink    = (*Sink)(nil)
	_ content.Checker = (*Sink)(nil)
	_ content.Changer = (*Sink)(nil)
)
