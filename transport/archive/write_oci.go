package archive

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// OCISink writes the tar of an image layout, a [content.Sink]. Blobs wait in the target's spool, or are read again when the
// archive is written; that is when Commit is called, since only then all names are known. The same images always give the
// same bytes: oci-layout, index.json, then blobs by name.
type OCISink struct {
	target  *Target
	subject string
	blobs   *waiting
	listing layout.Listing
	done    bool
}

// CreateOCI starts an archive. It owns t: Close closes it. subject is what errors name.
func CreateOCI(t *Target, subject string) *OCISink {
	return &OCISink{target: t, subject: subject, blobs: newWaiting(t.spool)}
}

// PutBlob keeps a blob for the archive. Without a spool that does not read it yet, and Commit says what is wrong with it.
func (s *OCISink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	how, err := s.blobs.put(ctx, b)
	return how, errs.Wrap(s.subject, err)
}

// PutManifest keeps doc. ref is as [layout.NewListed] has it.
func (s *OCISink) PutManifest(_ context.Context, ref string, doc oci.Document) error {
	p, err := layout.NewListed(ref, doc)
	if err != nil {
		return errs.Wrap(s.subject, err)
	}
	s.listing.Add(p)
	return nil
}

// Commit writes the archive, in place of the one that was there.
func (s *OCISink) Commit(ctx context.Context) error {
	index, _, err := s.listing.Index(nil)
	if err != nil {
		return errs.Wrap(s.subject, err)
	}
	entries := map[string]entry{v1.ImageLayoutFile: bytesEntry([]byte(layout.VersionFile)), v1.ImageIndexFile: bytesEntry(index)}
	for _, b := range s.blobs.all() {
		d := b.Descriptor()
		entries[layout.BlobPath(d.Digest)] = entry{d.Size, b.Open}
	}
	for _, p := range s.listing.All() {
		entries[layout.BlobPath(p.Descriptor.Digest)] = bytesEntry(p.Document.Raw)
	}
	if err := s.target.pack(ctx, entries, v1.ImageLayoutFile, v1.ImageIndexFile); err != nil {
		return fsys.Kinded(s.subject, err)
	}
	s.done = true
	return nil
}

// Close drops what was not committed, but for what waits beside a file.
func (s *OCISink) Close() error { return s.target.close(s.done) }

// CheckBlob implements [content.Checker] for what waits in a spool from an earlier copy.
func (s *OCISink) CheckBlob(ctx context.Context, d v1.Descriptor) error {
	return errs.Wrap(s.subject, s.blobs.check(ctx, d))
}

var (
	_ content.Sink    = (*OCISink)(nil)
	_ content.Checker = (*OCISink)(nil)
)
