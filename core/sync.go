package core

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// SyncIn is the request of sync.
type SyncIn struct {
	Jobs           []SyncJob `json:"jobs" arg:"SPEC" help:"what is kept in step with what: on the command line a file of SRC DST lines, of these jobs as JSON, or of skopeo's or regsync's YAML; - is standard input"`
	Referrers      bool      `json:"referrers,omitempty" help:"take along what refers to each image: signatures, attestations, SBOMs"`
	DigestTags     bool      `json:"digestTags,omitempty" help:"take along cosign's tags of each image: sha256-....sig, .att and .sbom"`
	VerifyExisting bool      `json:"verifyExisting,omitempty" help:"copy what seems unchanged, too, and repair what is corrupted"`
	Prune          bool      `json:"prune,omitempty" help:"delete tags of the destination that the source does not have, of those that the job selects; lists of referrers stay"`
	DryRun         bool      `json:"dryRun,omitempty" help:"say what would be done and do nothing"`
	Shard          string    `json:"shard,omitempty" help:"i/n: only the i-th of n parts of the work, the same parts on every machine"`
	MaxRate        int64     `json:"maxRate,omitempty" unit:"bytes" help:"bytes a second to read at most, of each image"`
}

// SyncJob keeps one destination in step with one source. With tags or digests both are repositories (or layouts), else images.
type SyncJob struct {
	Source      string          `json:"source"`
	Destination string          `json:"destination"`
	Tags        *xfer.Selection `json:"tags,omitempty" help:"which tags of the source, {} for all; absent for one image"`
	Digests     []string        `json:"digests,omitempty" help:"images of the source by digest, besides the tags"`
	Rename      []xfer.Rename   `json:"rename,omitempty" help:"what tags are called at the destination, the first rule that matches"`
	Platforms   []string        `json:"platforms,omitempty" help:"as copy's"`
	Referrers   bool            `json:"referrers,omitempty" help:"as the request's, of this job"`
	DigestTags  bool            `json:"digestTags,omitempty" help:"as the request's, of this job"`
}

// SyncItem is what was done, or has to be done, about one image or tag.
type SyncItem struct {
	Source      string        `json:"source,omitempty" help:"absent where a tag of the destination is deleted"`
	Destination string        `json:"destination"`
	Action      string        `json:"action" enum:"copied,unchanged,deleted,failed,would copy,would delete"`
	Digest      digest.Digest `json:"digest,omitempty"`
	Replaced    digest.Digest `json:"replaced,omitempty" help:"what the destination had before"`
	Manifests   int           `json:"manifests,omitempty" help:"as copy's"`
	Written     int           `json:"written,omitempty" help:"as copy's"`
	Stored      *xfer.Count   `json:"stored,omitempty"`
	Existed     *xfer.Count   `json:"existed,omitempty"`
	Mounted     *xfer.Count   `json:"mounted,omitempty"`
	Linked      *xfer.Count   `json:"linked,omitempty" help:"of those stored, as copy's"`
	Retries     int64         `json:"retries,omitempty" help:"requests that were sent again after a failure that passed"`
	Left        []string      `json:"left,omitempty"`
	Error       *errs.Wire    `json:"error,omitempty"`
}

// Sync brings destinations in step with sources: images that have the same digest at both ends are left alone after one
// request to each, the others are copied. A failure does not stop the rest: its item says so, and at the end the error is of
// kind partial, or that of the failure where nothing was done at all. A run can be repeated at any time. Kinds: input for jobs
// that cannot be read, before anything is done.
func Sync(ctx context.Context, env *Env, in SyncIn) iter.Seq2[SyncItem, error] {
	return func(yield func(SyncItem, error) bool) {
		s, err := env.newSync(in)
		if err != nil {
			yield(SyncItem{}, err)
			return
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		items := make(chan SyncItem)
		go func() {
			defer close(items)
			s.run(ctx, items)
		}()
		for it := range items {
			s.count(it)
			if !yield(it, nil) {
				stop()
				for range items { // let the jobs under way end
				}
				return
			}
		}
		if err := s.verdict(ctx, "sync"); err != nil {
			yield(SyncItem{}, err)
		}
	}
}

// syncer is one run of sync.
type syncer struct {
	env   *Env
	in    SyncIn
	shard xfer.Shard
	jobs  []SyncJob
	busy  chan struct{} // has room for as many as are copied or deleted at once

	done, failed int
	first        error
}

func (e *Env) newSync(in SyncIn) (*syncer, error) {
	if len(in.Jobs) == 0 {
		return nil, errs.New(errs.Input, "sync", "there are no jobs")
	}
	shard, err := xfer.ParseShard(in.Shard)
	if err != nil {
		return nil, err
	}
	for _, j := range in.Jobs {
		if err := e.checkJob(j, in); err != nil {
			return nil, err
		}
	}
	if err := checkDestinations(in); err != nil {
		return nil, err
	}
	jobs := e.Jobs
	if jobs <= 0 {
		jobs = xfer.DefaultJobs
	}
	return &syncer{env: e, in: in, shard: shard, jobs: in.Jobs, busy: make(chan struct{}, jobs)}, nil
}

// count keeps what the verdict needs. Only the goroutine that yields calls it.
func (s *syncer) count(it SyncItem) {
	if it.Error == nil {
		s.done++
		return
	}
	s.failed++
	if s.first == nil {
		s.first = &errs.Error{Kind: it.Error.Kind, Err: errs.New(it.Error.Kind, "", "%s", it.Error.Message), Hint: it.Error.Hint}
	}
}

// verdict is the error that a run ends with, about subject.
func (s *syncer) verdict(ctx context.Context, subject string) error {
	switch {
	case ctx.Err() != nil:
		return errs.Wrap(subject, ctx.Err())
	case s.failed == 0:
		return nil
	case s.done == 0 && s.failed == 1:
		return s.first
	}
	return errs.New(errs.Partial, subject, "%d of %d failed; the report says which", s.failed, s.done+s.failed).
		Hinted("run it again: what is done is not done twice")
}

// task is one image to bring in step, or one tag to delete.
type task struct {
	job    SyncJob
	source string // "" to delete
	dest   string
	err    error // why there is nothing to do but to say so
}

// looks is how many images are compared at once for each that may be copied. To compare is one small request to each end, whose
// time is the way there and back.
const looks = 4

// run lists what each job is about and works on several images at once. Deletions come last: what a copy finds to be there is not
// taken away from under it.
func (s *syncer) run(ctx context.Context, items chan<- SyncItem) {
	var deletions []task
	claimed := claims{}
	s.work(ctx, items, func(yield func(task) bool) {
		for _, j := range s.jobs {
			list, err := s.expand(ctx, j)
			if err != nil {
				list = []task{{job: j, source: j.Source, dest: j.Destination, err: err}}
			}
			for _, t := range list {
				t, once := claimed.take(t)
				switch {
				case !once || !s.shard.Has(t.dest):
				case t.source == "" && t.err == nil:
					deletions = append(deletions, t)
				case !yield(t):
					return
				}
			}
		}
	})
	s.work(ctx, items, slices.Values(deletions))
}

// work does tasks, several at once, and returns when the last one is done.
func (s *syncer) work(ctx context.Context, items chan<- SyncItem, list iter.Seq[task]) {
	tasks := make(chan task)
	var workers sync.WaitGroup
	for range cap(s.busy) * looks {
		workers.Go(func() {
			for t := range tasks {
				send(ctx, items, s.do(ctx, t))
			}
		})
	}
	for t := range list {
		if ctx.Err() != nil {
			break
		}
		select {
		case tasks <- t:
		case <-ctx.Done():
		}
	}
	close(tasks)
	workers.Wait()
}

// turn waits until fewer images than there are jobs are copied or deleted.
func (s *syncer) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.busy <- struct{}{}:
		return func() { <-s.busy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func send(ctx context.Context, items chan<- SyncItem, it SyncItem) {
	select {
	case items <- it:
	case <-ctx.Done():
		// Whoever stopped reading is past caring; a cancelled run tells what it can.
		select {
		case items <- it:
		default:
		}
	}
}

// do brings one image in step.
func (s *syncer) do(ctx context.Context, t task) SyncItem {
	it := SyncItem{Source: t.source, Destination: t.dest, Action: "failed"}
	err := t.err
	switch {
	case err != nil:
	case t.source == "":
		it, err = s.remove(ctx, t)
	default:
		it, err = s.copy(ctx, t)
	}
	if err != nil {
		w := errs.WireOf(err)
		it.Action, it.Error = "failed", &w
	}
	return it
}

func (s *syncer) copy(ctx context.Context, t task) (SyncItem, error) {
	it := SyncItem{Source: t.source, Destination: t.dest}
	same, before, err := s.unchanged(ctx, t)
	if err != nil {
		return it, err
	}
	if same {
		it.Action, it.Digest = "unchanged", before
		return it, nil
	}
	done, err := s.turn(ctx)
	if err != nil {
		return it, errs.Wrap(t.dest, err)
	}
	defer done()
	out, err := Copy(ctx, s.env, CopyIn{
		Source: t.source, Destinations: []string{t.dest}, Platforms: t.job.Platforms, Referrers: s.in.Referrers || t.job.Referrers, DigestTags: s.in.DigestTags || t.job.DigestTags,
		VerifyExisting: s.in.VerifyExisting, DryRun: s.in.DryRun, MaxRate: s.in.MaxRate,
	})
	if err != nil {
		return it, err
	}
	d := out.Destinations[0]
	it.Action, it.Digest, it.Retries, it.Left = action(s.in.DryRun, d.Nothing()), out.Digest, d.Retries, out.Left
	it.Manifests, it.Written = d.Manifests, d.Written
	it.Stored, it.Existed, it.Mounted, it.Linked = &d.Stored, &d.Existed, &d.Mounted, d.Linked
	if before != out.Digest {
		it.Replaced = before
	}
	return it, nil
}

// action says what was done about an image that was not known to be unchanged.
func action(dry, nothing bool) string {
	switch {
	case nothing:
		return "unchanged"
	case dry:
		return "would copy"
	}
	return "copied"
}

// unchanged compares digests, by a HEAD request to each end where that is possible, both at once. What the copy would change, or
// has to look into, is never unchanged. before is what the destination has, "" for nothing.
func (s *syncer) unchanged(ctx context.Context, t task) (same bool, before digest.Digest, err error) {
	looksInto := s.in.VerifyExisting || s.in.Referrers || t.job.Referrers || s.in.DigestTags || t.job.DigestTags || len(t.job.Platforms) > 0
	var here DigestOut
	var hereErr error
	var source sync.WaitGroup
	if !looksInto {
		source.Go(func() { here, hereErr = Digest(ctx, s.env, DigestIn{Ref: t.source}) })
	}
	there, err := Digest(ctx, s.env.written(), DigestIn{Ref: t.dest})
	source.Wait()
	switch {
	case errs.Of(err) == errs.NotFound || errs.Of(err) == errs.Input || errs.Of(err) == errs.Unsupported:
		return false, "", nil // nothing there yet, or nothing that can be looked at; the copy says what is wrong with the source
	case err != nil || looksInto:
		return false, there.Digest, err
	}
	return hereErr == nil && here.Digest == there.Digest, there.Digest, hereErr
}

// remove deletes a tag of the destination.
func (s *syncer) remove(ctx context.Context, t task) (SyncItem, error) {
	it := SyncItem{Destination: t.dest, Action: "would delete"}
	if s.in.DryRun {
		return it, nil
	}
	done, err := s.turn(ctx)
	if err != nil {
		return it, errs.Wrap(t.dest, err)
	}
	defer done()
	it.Action = "deleted"
	return it, s.env.deleteTag(ctx, t.dest)
}
