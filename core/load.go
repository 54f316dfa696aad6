package core

import (
	"context"
	"iter"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// LoadIn is the request of load.
type LoadIn struct {
	Archive string   `json:"archive" arg:"ARCHIVE" help:"oci-archive:FILE, FILE, oci:FOLDER, or - for standard input"`
	To      string   `json:"to" arg:"DST" help:"where images go: host[:port][/prefix] of a registry, before their own repository; or oci:FOLDER"`
	Images  []string `json:"images,omitempty" flag:"image" help:"globs of names in the bundle; all without (repeat the flag)"`
	DryRun  bool     `json:"dryRun,omitempty" help:"say what would be loaded and load nothing"`
}

// Load brings the images of a bundle to a registry, with all that refers to them. As in sync a failure does not stop the rest.
func Load(ctx context.Context, env *Env, in LoadIn) iter.Seq2[SyncItem, error] {
	return func(yield func(SyncItem, error) bool) {
		l := loader{env: env, in: in}
		if err := l.open(ctx); err != nil {
			yield(SyncItem{}, err)
			return
		}
		defer l.src.Close()
		var verdict syncer
		for _, name := range l.names {
			if ctx.Err() != nil {
				break
			}
			it := l.load(ctx, name)
			verdict.count(it)
			if !yield(it, nil) {
				return
			}
		}
		if err := verdict.verdict(ctx, in.Archive); err != nil {
			yield(SyncItem{}, errs.Wrap(in.Archive, err))
		}
	}
}

type loader struct {
	env   *Env
	in    LoadIn
	src   content.Source
	names []string
}

// open reads what the bundle has.
func (l *loader) open(ctx context.Context) error {
	src, r, err := l.env.open(ctx, archiveRef(l.in.Archive))
	if err != nil {
		return err
	}
	l.src = src
	lister, ok := content.As[content.TagLister](src)
	if !ok {
		err = errs.New(errs.Unsupported, r.Typed, "does not tell what it has")
	}
	match, gerr := globs(l.in.Images)
	if err == nil {
		err = gerr
	}
	if err == nil {
		err = l.list(ctx, lister, match)
	}
	if err != nil {
		_ = src.Close()
	}
	return errs.Wrap(r.Typed, err)
}

func (l *loader) list(ctx context.Context, lister content.TagLister, match func(string) bool) error {
	for name, err := range lister.Tags(ctx, "") {
		if err != nil {
			return err
		}
		if !digestTag().MatchString(name) && match("/"+name) { // what is about an image comes with it
			l.names = append(l.names, name)
		}
	}
	if len(l.names) == 0 {
		return errs.New(errs.NotFound, "", "has no image of that name")
	}
	return nil
}

func (l *loader) load(ctx context.Context, name string) SyncItem {
	it := SyncItem{Source: name}
	if err := l.copy(ctx, name, &it); err != nil {
		w := errs.WireOf(err)
		it.Action, it.Error = "failed", &w
	}
	return it
}

func (l *loader) copy(ctx context.Context, name string, it *SyncItem) error {
	dst, err := l.destination(name)
	if err != nil {
		return err
	}
	it.Destination = dst.Typed
	o := xfer.Options{
		Referrers: true, DigestTags: true, PreserveDigests: true, StatSource: true,
		Jobs: l.env.Jobs, Event: l.env.Event, Clock: l.env.Clock, Yield: l.env.Yield,
	}
	plan, err := xfer.New(ctx, l.src, name, name, o)
	if err != nil {
		return err
	}
	it.Digest = plan.Source()
	var report xfer.Report
	if l.in.DryRun {
		report, _, err = (copier{env: l.env}).estimate(ctx, plan, endpoint{[]ref.Reference{dst}})
	} else {
		report, err = l.move(ctx, plan, dst)
	}
	if errs.Of(err) == errs.NotFound {
		err = &errs.Error{Kind: errs.NotFound, Err: err, Hint: "a bundle that was made with --since has only what was new; load the earlier one first"}
	}
	it.Action = action(l.in.DryRun, report.Nothing())
	it.Manifests, it.Written, it.Left = report.Manifests, report.Written, plan.Left()
	it.Stored, it.Existed, it.Mounted, it.Linked = &report.Stored, &report.Existed, &report.Mounted, some(report.Linked)
	return err
}

func (l *loader) move(ctx context.Context, plan *xfer.Plan, dst ref.Reference) (xfer.Report, error) {
	sink, err := l.env.sink(ctx, dst)
	if err != nil {
		return xfer.Report{}, err
	}
	defer sink.Close()
	return plan.Move(ctx, sink, endpoint{[]ref.Reference{dst}}.names())
}

// destination is where an image of the bundle goes: below a registry without the host that it came from.
func (l *loader) destination(name string) (ref.Reference, error) {
	if to, ok := strings.CutPrefix(l.in.To, ref.OCI+":"); ok {
		r := ref.Reference{Typed: l.in.To + ":" + name, Scheme: ref.OCI, Path: to, Tag: name, Position: -1}
		return r, nil
	}
	return ref.Parse(strings.TrimSuffix(l.in.To, "/") + "/" + below(name))
}

// below is the name of an image in a bundle without the registry that it came from.
func below(name string) string {
	name = strings.TrimPrefix(name, ref.Docker+"://")
	if i := strings.Index(name, "/"); i > 0 && strings.ContainsAny(name[:i], ".:") || strings.HasPrefix(name, "localhost/") {
		name = name[strings.Index(name, "/")+1:]
	}
	return name
}
