package layout

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// Editable is a layout opened for reading from which images can be deleted, a [content.Deleter] and [content.TagHolder].
//
// A manifest that loses its last entry in index.json goes, and with it every blob that it led to and no other entry leads to, as
// with skopeo delete and regctl tag delete. Blobs that nothing led to before stay: a copy may just be storing them. First
// index.json is replaced under the lock, then blobs are removed, so that what breaks off leaves blobs too many and none too few.
type Editable struct {
	*Source
	write func(context.Context) (fsys.WritableDir, error)
	clock clock.Clock
}

// NewEditable adds deleting to s. write opens its directory once more, when something is deleted; c is how that waits for the
// lock.
func NewEditable(s *Source, write func(context.Context) (fsys.WritableDir, error), c clock.Clock) *Editable {
	return &Editable{s, write, c}
}

// DeleteTag takes away the entry that [Source.Manifest] finds for the tag. Kinds: not_found, input for a tag of several images.
func (e *Editable) DeleteTag(ctx context.Context, tag string) error {
	return e.edit(ctx, func(x *editing) error { return x.untag(tag) })
}

// LastTag implements [content.TagHolder].
func (e *Editable) LastTag(ctx context.Context, tag string) (bool, error) {
	x := &editing{index: &index{}, src: e.Source}
	for _, d := range e.entries {
		x.entries = append(x.entries, entry{d: d})
	}
	if err := x.untag(tag); err != nil {
		return false, err
	}
	gone, err := x.garbage(ctx)
	return slices.ContainsFunc(x.taken, func(d v1.Descriptor) bool { return gone[d.Digest] }), errs.Wrap(e.subject, err)
}

// DeleteManifest takes away every entry of a manifest, and its place in the tag that lists the referrers of its subject. Kinds:
// not_found, input for one that belongs to an index which stays.
func (e *Editable) DeleteManifest(ctx context.Context, d digest.Digest) error {
	if err := oci.CheckDigest(d.String()); err != nil {
		return errs.Wrap(e.subject, err)
	}
	return e.edit(ctx, func(x *editing) error { return x.remove(ctx, d) })
}

// DeleteBlob removes a blob that no entry leads to. Kinds: not_found, input for one that is in use.
func (e *Editable) DeleteBlob(ctx context.Context, d digest.Digest) error {
	if _, err := e.StatBlob(ctx, d); err != nil {
		return err
	}
	return e.edit(ctx, func(x *editing) error {
		x.taken = append(x.taken, v1.Descriptor{MediaType: "application/octet-stream", Digest: d})
		return x.unused(ctx, d)
	})
}

// edit changes index.json as it is now, and then removes what nothing leads to any more.
func (e *Editable) edit(ctx context.Context, change func(*editing) error) (err error) {
	dir, err := e.write(ctx)
	if err != nil {
		return err
	}
	s, err := Create(ctx, dir, e.subject, e.clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(fsys.Kinded(e.subject, err), s.Close()) }()
	unlock, err := fsys.Lock(ctx, dir, Lock, e.clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	raw, err := s.readIndex(ctx)
	if err != nil {
		return err
	}
	x := &editing{src: &Source{dir: dir, subject: e.subject}}
	if x.index, err = parseIndex(raw, e.subject); err != nil {
		return err
	}
	if err := change(x); err != nil {
		return err
	}
	return x.save(ctx, s, raw)
}

// save replaces index.json where it changed, and removes what the change left over.
func (x *editing) save(ctx context.Context, s *Sink, before []byte) error {
	gone, err := x.garbage(ctx)
	if err != nil {
		return err
	}
	for _, doc := range x.made {
		p, err := NewListed("", doc)
		if err == nil {
			_, err = store.Put(ctx, s.Blobs, p.Blob())
		}
		if err != nil {
			return err
		}
	}
	after, err := x.bytes(v1.ImageIndexFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(before, after) {
		if err := store.Replace(ctx, s.Dir, v1.ImageIndexFile, after); err != nil {
			return err
		}
	}
	for d := range gone {
		if err := s.Blobs.Delete(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

var (
	_ content.Deleter   = (*Editable)(nil)
	_ content.TagHolder = (*Editable)(nil)
)
