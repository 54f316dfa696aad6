// Package static reads and writes the scheme static: a folder that is a registry for reading when a web server shows it, since
// its files are called what the distribution API asks for
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints):
//
//	v2/<name>/manifests/<tag>                    the manifest
//	v2/<name>/manifests/<algorithm>:<hex>        the same by digest
//	v2/<name>/blobs/<algorithm>:<hex>
//	v2/<name>/tags/list                          JSON
//	v2/<name>/referrers/<algorithm>:<hex>        an index of what refers to that manifest
//	v2/_catalog                                  JSON
//	v2/index.html                                what clients ask for first, at /v2/
//
// Clients that look into a manifest for its media type (crane, and we) need nothing of the server; those that go by Content-Type
// (skopeo, Docker) need it to send the manifest's. The names have colons, so file systems of Windows cannot hold such a folder.
package static

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

const (
	top       = "v2"
	manifests = "manifests"
	blobs     = "blobs"
	referrers = "referrers"
	tagsList  = "tags/list"
	catalog   = top + "/_catalog"
	ping      = top + "/index.html"
)

// Source is one repository of a folder opened for reading: a [content.Source], [content.Resolver], [content.TagLister],
// [content.BlobStatter] and [content.ReferrerLister].
type Source struct {
	dir     fsys.Dir
	subject string
	name    string
}

// Open opens the repository of that name, "" for the only one. It owns dir: Close closes it, and so does an error. subject is
// what errors name. Kinds: input for a folder that is no static registry, or where several repositories could be meant;
// not_found for a repository that is not there.
func Open(ctx context.Context, dir fsys.Dir, name, subject string) (*Source, error) {
	s := &Source{dir, subject, name}
	if err := s.find(ctx); err != nil {
		return nil, errors.Join(fsys.Kinded(subject, err), dir.Close())
	}
	return s, nil
}

// find makes sure that the repository is there.
func (s *Source) find(ctx context.Context) error {
	if s.name != "" {
		if err := checkName(s.name); err != nil {
			return err
		}
		if _, err := s.dir.List(ctx, path.Join(top, s.name, manifests)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	names, err := repositories(ctx, s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errs.New(errs.Input, "", "is not a static registry: has no folder %s", top)
	case err != nil:
		return err
	case s.name == "" && len(names) == 1:
		s.name = names[0]
		return nil
	case s.name == "":
		return errs.New(errs.Input, "", "has %d repositories and none is named", len(names)).Hinted("it has %s", some(names))
	}
	return errs.New(errs.NotFound, "", "has no repository %s", s.name).Hinted("it has %s", some(names))
}

// maxRepositories bounds how many folders are looked at for repositories.
const maxRepositories = 100_000

// repositories lists the names of all, by walking: a folder that has manifests is one. It is in the order of the names.
func repositories(ctx context.Context, dir fsys.Dir) ([]string, error) {
	var found []string
	looked := 0
	var walk func(name string) error
	walk = func(name string) error {
		if looked++; looked > maxRepositories {
			return errs.New(errs.Input, "", "has more than %d folders", maxRepositories)
		}
		entries, err := dir.List(ctx, path.Join(top, name))
		if err != nil {
			return err
		}
		for _, e := range entries {
			switch {
			case !e.Dir:
			case e.Name == manifests && name != "":
				found = append(found, name)
			case !reserved(e.Name):
				if err := walk(path.Join(name, e.Name)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := walk("")
	slices.Sort(found)
	return found, err
}

// reserved says whether a folder of that name cannot be a part of a repository's name.
func reserved(component string) bool {
	switch component {
	case manifests, blobs, referrers, "tags":
		return true
	}
	return false
}

func checkName(name string) error {
	if !ref.ValidRepository(name) {
		return errs.New(errs.Input, "", "%q is not a repository name", name)
	}
	for _, c := range strings.Split(name, "/") {
		if reserved(c) || name == path.Base(ping) {
			return errs.New(errs.Input, "", "repository %s: a static registry keeps the name %s for itself", name, c)
		}
	}
	return nil
}

const maxDescribed = 20 // names in a hint

func some(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > maxDescribed {
		names = append(slices.Clone(names[:maxDescribed]), "…")
	}
	return strings.Join(names, ", ")
}

func (s *Source) path(parts ...string) string {
	return path.Join(append([]string{top, s.name}, parts...)...)
}

// Manifest returns the manifest of a tag or digest; for "" that of the tag latest, or of the only tag.
func (s *Source) Manifest(ctx context.Context, name string) (oci.Document, error) {
	if name == "" {
		var err error
		if name, err = s.choose(ctx); err != nil {
			return oci.Document{}, errs.Wrap(s.subject, err)
		}
	}
	var want digest.Digest
	switch {
	case oci.CheckDigest(name) == nil:
		want = digest.Digest(name)
	case !ref.ValidTag(name):
		return oci.Document{}, errs.New(errs.NotFound, s.subject, "has no tag %q", name)
	}
	f, err := s.dir.Open(ctx, s.path(manifests, name))
	if errors.Is(err, fs.ErrNotExist) {
		return oci.Document{}, s.missing(ctx, name)
	}
	if err != nil {
		return oci.Document{}, fsys.Kinded(s.subject, err)
	}
	return fsys.ReadDocument(ctx, f, want, "", s.subject)
}

func (s *Source) missing(ctx context.Context, name string) error {
	err := errs.New(errs.NotFound, s.subject, "has no manifest %q", name)
	if tags, lerr := listTags(ctx, s.dir, s.name); lerr == nil {
		err = err.Hinted("it has %s", some(tags))
	}
	return err
}

// choose is the tag that is meant when none is named.
func (s *Source) choose(ctx context.Context) (string, error) {
	tags, err := listTags(ctx, s.dir, s.name)
	switch {
	case err != nil:
		return "", err
	case len(tags) == 1:
		return tags[0], nil
	case slices.Contains(tags, ref.DefaultTag):
		return ref.DefaultTag, nil
	case len(tags) == 0:
		return "", errs.New(errs.NotFound, "", "repository %s has no tag", s.name)
	}
	return "", errs.New(errs.Input, "", "repository %s has %d tags and none of them is meant without its name", s.name, len(tags)).Hinted("it has %s", some(tags))
}

// listTags lists the tags of a repository in the order of their names, by the files that they are.
func listTags(ctx context.Context, dir fsys.Dir, name string) ([]string, error) {
	entries, err := dir.List(ctx, path.Join(top, name, manifests))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var tags []string
	for _, e := range entries {
		if !e.Dir && ref.ValidTag(e.Name) {
			tags = append(tags, e.Name)
		}
	}
	return tags, err
}

// Resolve returns the descriptor of what name names.
func (s *Source) Resolve(ctx context.Context, name string) (v1.Descriptor, error) {
	return content.Describe(ctx, s, name)
}

// Tags lists the tags in the order of their names.
func (s *Source) Tags(ctx context.Context, last string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		tags, err := listTags(ctx, s.dir, s.name)
		if err != nil {
			yield("", fsys.Kinded(s.subject, err))
			return
		}
		for _, t := range tags {
			if t > last && !yield(t, nil) {
				return
			}
		}
	}
}

// Referrers lists what refers to a manifest.
func (s *Source) Referrers(ctx context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return func(yield func(v1.Descriptor, error) bool) {
		list, err := readReferrers(ctx, s.dir, s.name, subject)
		if err != nil {
			yield(v1.Descriptor{}, fsys.Kinded(s.subject, err))
			return
		}
		for _, d := range list.Manifests {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// StatBlob implements [content.BlobStatter].
func (s *Source) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	return fsys.StatBlob(ctx, d, s.open)
}

// Blob is also a [content.RangeOpener].
func (s *Source) Blob(d v1.Descriptor) content.Blob { return fsys.Blob{D: d, Find: s.open} }

func (s *Source) open(ctx context.Context, d v1.Descriptor) (fsys.File, error) {
	f, err := s.dir.Open(ctx, blobPath(s.name, d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.New(errs.NotFound, d.Digest.String(), "is not in the repository")
	}
	return f, fsys.Kinded(d.Digest.String(), err)
}

func blobPath(name string, d digest.Digest) string { return path.Join(top, name, blobs, d.String()) }

// Close closes the folder.
func (s *Source) Close() error { return s.dir.Close() }
