package core

import (
	"cmp"
	"context"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// BundleIn is the request of bundle.
type BundleIn struct {
	Archive     string   `json:"archive" arg:"ARCHIVE" help:"oci-archive:FILE, FILE or - for standard output; oci:FOLDER makes a layout instead"`
	Refs        []string `json:"refs" arg:"REF..." help:"images that go into it, each under its whole name"`
	Since       string   `json:"since,omitempty" help:"an earlier bundle, or a registry (host or docker://host): blobs that the repository of an image has there are left out"`
	Platforms   []string `json:"platforms,omitempty" flag:"platform" help:"as copy's (repeat the flag)"`
	NoReferrers bool     `json:"noReferrers,omitempty" help:"leave out what refers to the images, and cosign's tags of them"`
}

// SinceRegistry is the registry that Since names; false is for an earlier bundle, or nothing.
func (in BundleIn) SinceRegistry() (ref.Reference, bool) {
	r, err := ref.ParseRegistry(in.Since)
	host := strings.ContainsAny(in.Since, ".:") || in.Since == "localhost" // as the first part of a reference is one
	return r, err == nil && host && !strings.Contains(in.Since, ".tar")
}

// BundleOut says what is in a bundle.
type BundleOut struct {
	Images  []Bundled  `json:"images"`
	Stored  xfer.Count `json:"stored" help:"blobs in the bundle"`
	Existed xfer.Count `json:"existed" help:"blobs that are in it for another image already, or left out because they are at since"`
}

// Bundled is one image of a bundle.
type Bundled struct {
	Name   string        `json:"name" help:"its tag in the bundle: the whole reference, with the registry"`
	Digest digest.Digest `json:"digest"`
	Left   []string      `json:"left" help:"what of the image is not in the bundle, in words"`
}

// Bundle puts images, with all that refers to them, into one archive for a place without a network; every digest stays. Load
// brings them to a registry there. Kinds: those of the sources and of the archive.
func Bundle(ctx context.Context, env *Env, in BundleIn) (BundleOut, error) {
	if len(in.Refs) == 0 {
		return BundleOut{}, errs.New(errs.Input, "bundle", "names no image").Hinted("for example stevedore bundle images.tar alpine:3.20 registry.example/app:1")
	}
	o := xfer.Options{
		Referrers: !in.NoReferrers, DigestTags: !in.NoReferrers, Jobs: env.Jobs, Event: env.Event, Clock: env.Clock, Yield: env.Yield,
	}
	for _, s := range in.Platforms {
		p, err := oci.ParsePlatform(s)
		if err != nil {
			return BundleOut{}, err
		}
		o.Platforms = append(o.Platforms, p)
	}
	archive, sink, err := env.create(ctx, archiveRef(in.Archive))
	if err != nil {
		return BundleOut{}, err
	}
	defer sink.Close()
	b := &bundler{env: env, o: o, since: in.Since, sink: &bundleSink{Sink: sink}, names: map[string]digest.Digest{}, out: BundleOut{Images: []Bundled{}}}
	defer b.close()
	for _, typed := range in.Refs {
		if err := b.add(ctx, typed); err != nil {
			return BundleOut{}, err
		}
	}
	return b.out, errs.Wrap(archive.Typed, sink.Commit(ctx))
}

// archiveRef is a file name as a reference.
func archiveRef(s string) string {
	if scheme, _, ok := strings.Cut(s, ":"); ok && (scheme == ref.OCI || scheme == ref.OCIArchive) {
		return s
	}
	return ref.OCIArchive + ":" + s
}

type bundler struct {
	env     *Env
	o       xfer.Options
	since   string
	sink    *bundleSink
	earlier *earlier         // that since names, once it is read
	open    []content.Source // until the archive is written, which may read them then only
	names   map[string]digest.Digest
	out     BundleOut
}

func (b *bundler) close() {
	for _, s := range b.open {
		_ = s.Close()
	}
}

func (b *bundler) add(ctx context.Context, typed string) error {
	src, r, err := b.env.open(ctx, typed)
	if err != nil {
		return err
	}
	b.open = append(b.open, src)
	if b.sink.have, err = b.there(ctx, r); err != nil {
		return err
	}
	plan, err := xfer.New(ctx, src, r.Ident(), typed, b.o)
	if err != nil {
		return err
	}
	name := bundleName(r)
	if other, taken := b.names[name]; taken && other != plan.Source() {
		return errs.New(errs.Input, typed, "would be called %s in the bundle, as another image is already", name)
	}
	b.names[name] = plan.Source()
	report, err := plan.Move(ctx, b.sink, []string{name})
	if err != nil {
		return err
	}
	b.out.Stored.Blobs += report.Stored.Blobs
	b.out.Stored.Bytes += report.Stored.Bytes
	b.out.Existed.Blobs += report.Existed.Blobs
	b.out.Existed.Bytes += report.Existed.Bytes
	left := plan.Left()
	if left == nil {
		left = []string{}
	}
	b.out.Images = append(b.out.Images, Bundled{name, report.Root.Digest, left})
	return nil
}

// bundleName is what an image is called in a bundle: its whole name where it comes from a registry, as containerd and others
// expect of an annotation, else what it is called where it comes from, and where that is no name of its own, after the path.
func bundleName(r ref.Reference) string {
	name := cmp.Or(strings.TrimLeft(strings.ReplaceAll(r.Path, `\`, "/"), "./"), "image")
	switch {
	case r.Scheme == ref.Docker && r.Host == ref.HubHost:
		name = ref.HubName + "/" + r.Repository
	case r.Scheme == ref.Docker:
		name = r.Host + "/" + r.Repository
	case r.Repository != "":
		name = r.Repository
	case r.Scheme == ref.DockerArchive && r.Position < 0 && r.Tag != "", strings.Contains(r.Tag, "/"):
		return r.Tag
	}
	switch {
	case r.Digest != "":
		return name + "@" + r.Digest
	case r.Tag != "":
		return name + ":" + r.Tag
	}
	return name
}

// there opens what blobs are left out for, nil where nothing was named: those that the repository of r has at since, and so where
// load brings them to. What only another repository has there is not left out, since not every registry gives it to this one.
func (b *bundler) there(ctx context.Context, r ref.Reference) (content.BlobStatter, error) {
	if b.since == "" {
		return nil, nil
	}
	if registry, remote := (BundleIn{Since: b.since}).SinceRegistry(); remote {
		_, stat, err := b.statter(ctx, ref.Docker+"://"+registry.Host+"/"+r.Repository)
		return stat, err
	}
	if b.earlier == nil {
		typed := b.since
		if !strings.Contains(typed, ":") {
			typed = archiveRef(typed)
		}
		src, stat, err := b.statter(ctx, typed)
		if err != nil {
			return nil, err
		}
		b.earlier = &earlier{src, stat, map[string]map[digest.Digest]bool{}}
	}
	has, err := b.earlier.of(ctx, repository(bundleName(r)))
	return repositoryBlobs{b.earlier.stat, has}, errs.Wrap(b.since, err)
}

// statter opens what tells of blobs.
func (b *bundler) statter(ctx context.Context, typed string) (content.Source, content.BlobStatter, error) {
	src, _, err := b.env.written().open(ctx, typed)
	if err != nil {
		return nil, nil, err
	}
	b.open = append(b.open, src)
	stat, ok := content.As[content.BlobStatter](src)
	if !ok {
		return nil, nil, errs.New(errs.Unsupported, b.since, "cannot tell which blobs it has")
	}
	return src, stat, nil
}

// earlier is a bundle that was made before.
type earlier struct {
	src   content.Source
	stat  content.BlobStatter
	blobs map[string]map[digest.Digest]bool // by repository, of those that were asked for
}

// of are the blobs of the images of a repository, and of what belongs to them.
func (e *earlier) of(ctx context.Context, repo string) (map[digest.Digest]bool, error) {
	if has, ok := e.blobs[repo]; ok {
		return has, nil
	}
	has := map[digest.Digest]bool{}
	lister, ok := content.As[content.TagLister](e.src)
	if !ok {
		return has, nil
	}
	for name, err := range lister.Tags(ctx, "") {
		if err != nil {
			return nil, err
		}
		if digestTag().MatchString(name) || repository(name) != repo {
			continue
		}
		plan, err := xfer.New(ctx, e.src, name, name, xfer.Options{Referrers: true, DigestTags: true})
		if err != nil {
			return nil, err
		}
		blobs, err := plan.Blobs()
		if err != nil {
			return nil, err
		}
		for _, d := range blobs {
			has[d.Digest] = true
		}
	}
	e.blobs[repo] = has
	return has, nil
}

// repositoryBlobs are the blobs of one repository in an archive.
type repositoryBlobs struct {
	content.BlobStatter
	has map[digest.Digest]bool
}

// StatBlob implements [content.BlobStatter].
func (s repositoryBlobs) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	if !s.has[d] {
		return v1.Descriptor{}, errs.New(errs.NotFound, d.String(), "is in no image of the repository")
	}
	return s.BlobStatter.StatBlob(ctx, d)
}

// repository is where an image of a bundle is loaded to, below the destination: its name there without the registry that it came
// from, tag and digest.
func repository(name string) string {
	name, _, _ = strings.Cut(below(name), "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}

// bundleSink leaves out blobs that are elsewhere, and is committed once, after the last image.
type bundleSink struct {
	content.Sink
	have content.BlobStatter // of the image at hand; nil for nothing
}

// Unwrap lets content.As find what the sink can do besides.
func (s *bundleSink) Unwrap() any { return s.Sink }

func (s *bundleSink) Commit(context.Context) error { return nil }

func (s *bundleSink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	if s.have == nil {
		return s.Sink.PutBlob(ctx, b)
	}
	d, err := s.have.StatBlob(ctx, b.Descriptor().Digest)
	switch {
	case err == nil && d.Size == b.Descriptor().Size:
		return content.Existed, nil
	case err != nil && errs.Of(err) != errs.NotFound:
		return "", err
	}
	return s.Sink.PutBlob(ctx, b)
}
