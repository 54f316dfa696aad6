package core

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// repository says whether the job is about a repository and not one image.
func (j SyncJob) repository() bool { return j.Tags != nil || len(j.Digests) > 0 }

// checkJob finds mistakes before anything is done.
func (e *Env) checkJob(j SyncJob, in SyncIn) error {
	for _, typed := range []string{j.Source, j.Destination} {
		r, err := ref.Parse(typed)
		if err != nil {
			return err
		}
		if j.repository() && named(r) {
			return errs.New(errs.Input, typed, "names one image, where a job with tags or digests takes a repository")
		}
		if j.repository() && !slices.Contains([]string{ref.Docker, ref.OCI, ref.OCIArchive, ref.Static, ref.Mem}, r.Scheme) {
			return errs.New(errs.Input, typed, "a %s: has no tags", r.Scheme)
		}
	}
	for _, d := range j.Digests {
		if err := oci.CheckDigest(d); err != nil {
			return err
		}
	}
	for _, p := range j.Platforms {
		if _, err := oci.ParsePlatform(p); err != nil {
			return err
		}
	}
	if in.Prune && len(j.Rename) > 0 {
		return errs.New(errs.Input, j.Destination, "cannot be pruned: with rename rules nobody knows which of its tags came from the source")
	}
	if _, err := xfer.RenameTag(j.Rename, ""); err != nil {
		return err
	}
	if j.Tags == nil {
		return nil
	}
	return j.Tags.Check()
}

// checkDestinations finds jobs that would undo each other's work.
func checkDestinations(in SyncIn) error {
	repositories := map[ref.Reference]bool{} // by destination: whether a job is about all of it
	for _, j := range in.Jobs {
		r, err := ref.Parse(j.Destination)
		if err != nil {
			return err
		}
		place := ref.Reference{Scheme: r.Scheme, Host: r.Host, Repository: r.Repository, Path: path.Clean(r.Path)}
		whole, taken := repositories[place]
		switch {
		case slices.Contains([]string{ref.OCIArchive, ref.DockerArchive, ref.Dir}, r.Scheme) && (taken || j.repository()):
			return errs.New(errs.Input, j.Destination, "is written anew for each image, so that only the last of several would stay").
				Hinted("bundle makes one archive of several images, and oci: a folder")
		case in.Prune && taken && (whole || j.repository()):
			return errs.New(errs.Input, j.Destination, "cannot be pruned: another job writes to it as well, and each would delete the tags of the other")
		}
		repositories[place] = whole || j.repository()
	}
	return nil
}

// named says whether the user gave a tag or a digest: of a registry's repository that is otherwise the tag latest.
func named(r ref.Reference) bool {
	if (r.Scheme == ref.Docker || r.Scheme == ref.Static) && r.Digest == "" {
		return r.Tag != "" && strings.HasSuffix(r.Typed, ":"+r.Tag)
	}
	return r.Ident() != ""
}

// expand lists what there is to do for a job.
func (s *syncer) expand(ctx context.Context, j SyncJob) ([]task, error) {
	if r, err := ref.Parse(j.Destination); err == nil && s.in.Prune && j.Tags == nil && !named(r) {
		s.env.emit(event.Event{Kind: event.Warning, Subject: j.Destination, Message: "has nothing to prune, since its job selects no tags"})
	}
	if !j.repository() {
		return []task{{job: j, source: j.Source, dest: j.Destination}}, nil
	}
	var out []task
	for _, d := range j.Digests {
		out = append(out, task{job: j, source: j.Source + "@" + d, dest: j.Destination + "@" + d})
	}
	if j.Tags == nil {
		return out, nil
	}
	all, err := s.env.allTags(ctx, j.Source)
	if err != nil {
		return nil, err
	}
	chosen, err := j.choose(*j.Tags, all)
	if err != nil {
		return nil, err
	}
	from := map[string]string{} // what each tag of the destination comes from
	for _, tag := range chosen {
		to, err := xfer.RenameTag(j.Rename, tag)
		if err != nil {
			return nil, err
		}
		if !ref.ValidTag(to) {
			return nil, errs.New(errs.Input, j.Destination, "%q is not a tag, which %q is renamed to", to, tag)
		}
		if other, taken := from[to]; taken {
			return nil, errs.New(errs.Input, j.Destination, "both %s and %s would be called %s there", other, tag, to)
		}
		from[to] = tag
		out = append(out, task{job: j, source: j.Source + ":" + tag, dest: j.Destination + ":" + to})
	}
	if !s.in.Prune {
		return out, nil
	}
	if len(chosen) == 0 {
		// An empty list is what a broken source gives, too; a mirror is not emptied for that.
		s.env.emit(event.Event{Kind: event.Warning, Subject: j.Destination, Message: "is not pruned, since the source has none of the tags that are selected"})
		return out, nil
	}
	surplus, err := s.surplus(ctx, j, from)
	return append(out, surplus...), err
}

// surplus are the tags of the destination that the job selects and the source does not have.
func (s *syncer) surplus(ctx context.Context, j SyncJob, wanted map[string]string) ([]task, error) {
	all, err := s.env.written().allTags(ctx, j.Destination)
	if errs.Of(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	selected := *j.Tags
	selected.Newest = 0 // a version that is no longer among the newest is what has to go
	there, err := j.choose(selected, all)
	if err != nil {
		return nil, err
	}
	var out []task
	for _, tag := range there {
		if digestTag().MatchString(tag) && !strings.Contains(tag, ".") {
			continue // it lists what refers to an image, which a source may tell in another way
		}
		if _, ok := wanted[tag]; !ok {
			out = append(out, task{job: j, dest: j.Destination + ":" + tag})
		}
	}
	return out, nil
}

// digestTag matches tags that are made from a digest: the referrers of a manifest, and what cosign keeps about it. They belong
// to an image and are no images; whoever wants them by name says so with include or match.
// It is compiled when it is first needed: that takes as long as the start of everything else.
var digestTag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha(256|384|512)-[0-9a-f]{32,128}(\.\w+)?$`) })

func (j SyncJob) choose(s xfer.Selection, all []string) ([]string, error) {
	if len(s.Include) == 0 && s.Match == "" {
		all = slices.DeleteFunc(slices.Clone(all), digestTag().MatchString)
	}
	return s.Tags(all)
}

// maxTags bounds the tags of one repository that are held.
const maxTags = 1_000_000

func (e *Env) allTags(ctx context.Context, typed string) ([]string, error) {
	var out []string
	for tag, err := range Tags(ctx, e, TagsIn{Ref: typed}) {
		if err != nil {
			return nil, err
		}
		if out = append(out, tag); len(out) > maxTags {
			return nil, errs.New(errs.Input, typed, "has more than %d tags", maxTags)
		}
	}
	return out, nil
}

// deleteTag removes one tag and leaves the manifest to the other tags that name it.
func (e *Env) deleteTag(ctx context.Context, typed string) error {
	src, r, err := e.written().open(ctx, typed)
	if err != nil {
		return err
	}
	defer src.Close()
	d, ok := content.As[content.Deleter](src)
	if !ok {
		return undeletable(r)
	}
	return errs.Wrap(typed, d.DeleteTag(ctx, r.Tag))
}
