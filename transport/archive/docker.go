// Package archive reads images from tar files: oci-archive:, the tar of an image layout, and docker-archive:, what docker
// save and podman save write. Nothing is unpacked: a tar is indexed once and read in place.
package archive

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// Docker is an archive of docker save opened for reading, a [content.Source] and [content.TagLister].
//
// Such an archive has no registry manifest, so one is made: Docker schema 2 over the config and the layers as they are
// stored, always with the same bytes for the same archive. Its list of digests is what skopeo shows for layers that are
// stored uncompressed; skopeo calls those gzip, here the media type says what they are.
type Docker struct {
	dir     *Dir
	subject string
	images  []saved

	mu     sync.Mutex
	built  []*oci.Document // by image, nil where not yet needed
	places map[digest.Digest]place

	// What was read once, by the offset of its entry; links may give it many names.
	configs map[int64]config
	hashes  map[int64]digest.Digest
}

// saved is one image of an archive, as an element of manifest.json describes it.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string

	top string // for the format before Docker 1.10: the id of the top layer, which leads to the others
}

// place is where a blob is: an entry of the archive, or bytes that were made.
type place struct {
	name string
	made []byte
}

// OpenDocker indexes the archive in f and reads what images it has. It owns f: Close closes it, and so does an error.
// subject is what errors name. Kinds: those of [OpenDir], and input for what docker save did not write.
func OpenDocker(ctx context.Context, f fsys.File, subject string, o Options) (*Docker, error) {
	d, err := OpenDir(ctx, f, subject, o)
	if err != nil {
		return nil, err
	}
	images, err := list(ctx, d)
	if err != nil {
		_ = d.Close()
		return nil, errs.Wrap(subject, err)
	}
	return &Docker{
		dir: d, subject: subject, images: images, built: make([]*oci.Document, len(images)), places: map[digest.Digest]place{},
		configs: map[int64]config{}, hashes: map[int64]digest.Digest{},
	}, nil
}

// list reads manifest.json, or where there is none the older repositories.
func list(ctx context.Context, d *Dir) ([]saved, error) {
	var images []saved
	err := readJSON(ctx, d, manifestFile, &images)
	switch {
	case err == nil && len(images) == 0:
		return nil, errs.New(errs.Input, manifestFile, "lists no image")
	case err == nil:
		for i := range images {
			images[i].clean()
		}
		return images, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case d.has(repositoriesFile):
		return listV1(ctx, d)
	case d.has(v1.ImageIndexFile):
		return nil, errs.New(errs.Input, "", "is not a docker save archive: has no %s", manifestFile).
			Hinted("it is the tar of an OCI layout: read it with oci-archive:")
	}
	return nil, errs.New(errs.Input, "", "is not a docker save archive: has neither %s nor %s", manifestFile, repositoriesFile)
}

// clean writes the names of entries as the index has them.
func (img *saved) clean() {
	img.Config = clean(img.Config)
	for i, name := range img.Layers {
		img.Layers[i] = clean(name)
	}
}

func readJSON(ctx context.Context, d *Dir, name string, v any) error {
	b, err := fsys.ReadFile(ctx, d, name, oci.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return &errs.Error{Kind: errs.Input, Subject: name, Err: err}
	}
	if err != nil {
		return fsys.Kinded(name, err)
	}
	if err := oci.Unmarshal(b, v); err != nil {
		return errs.New(errs.Input, name, "%v", err)
	}
	return nil
}

// Manifest makes the manifest of the image that ref names: a repository tag (name:tag, in Docker's short or full form), a
// position "@N" from 0, a digest, or "" where there is one image only. Kinds: not_found, input where several would do.
func (s *Docker) Manifest(ctx context.Context, ref string) (oci.Document, error) {
	doc, err := s.manifest(ctx, ref)
	return doc, errs.Wrap(s.subject, err)
}

func (s *Docker) manifest(ctx context.Context, ref string) (oci.Document, error) {
	if oci.CheckDigest(ref) == nil {
		return s.byDigest(ctx, digest.Digest(ref))
	}
	i, err := s.find(ref)
	if err != nil {
		return oci.Document{}, err
	}
	return s.build(ctx, i)
}

// find returns the index of the image that ref names.
func (s *Docker) find(ref string) (int, error) {
	if ref == "" && len(s.images) == 1 {
		return 0, nil
	}
	if ref == "" {
		return 0, errs.New(errs.Input, "", "has %d images and none is named", len(s.images)).Hinted("name one: %s", s.describe())
	}
	if n, ok := strings.CutPrefix(ref, "@"); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 {
			return 0, errs.New(errs.Input, "", "%q is not a position in an archive", ref)
		}
		if i >= len(s.images) {
			return 0, errs.New(errs.NotFound, "", "has no image %s, it has %d", ref, len(s.images))
		}
		return i, nil
	}
	for i, img := range s.images {
		for _, tag := range img.RepoTags {
			if familiar(tag) == familiar(ref) {
				return i, nil
			}
		}
	}
	return 0, errs.New(errs.NotFound, "", "has no image tagged %q", ref).Hinted("it has %s", s.describe())
}

// familiar is a repository tag without what Docker leaves out and with the tag it puts in: docker save writes alpine:3,
// podman save docker.io/library/alpine:3.
func familiar(tag string) string {
	if !strings.Contains(tag[strings.LastIndexByte(tag, '/')+1:], ":") {
		tag += ":latest"
	}
	return strings.TrimPrefix(strings.TrimPrefix(tag, "docker.io/"), "library/")
}

const maxDescribed = 20 // images in a hint

func (s *Docker) describe() string {
	var out []string
	for i, img := range s.images {
		if i == maxDescribed {
			out = append(out, "…")
			break
		}
		if len(img.RepoTags) == 0 {
			out = append(out, ":@"+strconv.Itoa(i))
		}
		for _, tag := range img.RepoTags {
			out = append(out, ":"+tag)
		}
	}
	return strings.Join(out, ", ")
}

// byDigest looks among the manifests that are made, then, since Docker 25 writes an image layout as well, among its
// manifests.
func (s *Docker) byDigest(ctx context.Context, d digest.Digest) (oci.Document, error) {
	for i := range s.images {
		doc, err := s.build(ctx, i)
		if err != nil {
			return doc, err
		}
		if d.Algorithm().FromBytes(doc.Raw) == d {
			return doc, nil
		}
	}
	f, err := s.dir.Open(ctx, layout.BlobPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return oci.Document{}, errs.New(errs.NotFound, "", "has no manifest %s", d)
	}
	if err != nil {
		return oci.Document{}, fsys.Kinded(d.String(), err)
	}
	return fsys.ReadDocument(ctx, f, d, "", d.String())
}

// StatBlob implements [content.BlobStatter].
func (s *Docker) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	return fsys.StatBlob(ctx, d, s.open)
}

// Blob is also a [content.RangeOpener].
func (s *Docker) Blob(d v1.Descriptor) content.Blob { return fsys.Blob{D: d, Find: s.open} }

func (s *Docker) open(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
	p, ok := s.place(d.Digest)
	for i := 0; !ok && i < len(s.images); i++ {
		if _, err := s.build(ctx, i); err != nil && errs.Of(err) == errs.Cancelled {
			return nil, err
		} // an image that is broken does not keep the blobs of others from being read
		p, ok = s.place(d.Digest)
	}
	if !ok {
		p.name = layout.BlobPath(d.Digest)
	}
	if p.made != nil {
		return made(p.made), nil
	}
	f, err := s.dir.Open(ctx, p.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, d.Digest.String(), "is not in the archive")
	}
	if err != nil {
		return nil, fsys.Kinded(d.Digest.String(), err)
	}
	return f, nil
}

func (s *Docker) place(d digest.Digest) (place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.places[d]
	return p, ok
}

// Tags lists the repository tags in the order of the archive.
func (s *Docker) Tags(_ context.Context, last string) iter.Seq2[string, error] {
	var all []string
	for _, img := range s.images {
		all = append(all, img.RepoTags...)
	}
	return content.After(all, last, s.subject)
}

// Close closes the archive.
func (s *Docker) Close() error { return s.dir.Close() }
