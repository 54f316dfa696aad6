package core

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// CopyIn is the request of copy.
type CopyIn struct {
	Source          string   `json:"source" arg:"SRC" help:"image, index or artifact to copy"`
	Destinations    []string `json:"destinations" arg:"DST..." help:"where it goes; several tags of one endpoint are written in one go"`
	Platforms       []string `json:"platforms,omitempty" flag:"platform" help:"os/arch[/variant] to take of an index; one alone is taken out of it, several stay a smaller index (repeat the flag)"`
	Attestations    string   `json:"attestations,omitempty" enum:"keep,drop" help:"what becomes of build attestations inside an index (default: they stay with their image)"`
	Format          string   `json:"format,omitempty" enum:"oci,docker" help:"media types to write; changes the digest of what had the others"`
	Compress        string   `json:"compress,omitempty" enum:"gzip,zstd" help:"compression that layers get; changes the digest"`
	Referrers       bool     `json:"referrers,omitempty" help:"take along what refers to the image: signatures, attestations, SBOMs"`
	DigestTags      bool     `json:"digestTags,omitempty" help:"take along cosign's tags of it: sha256-....sig, .att and .sbom"`
	PreserveDigests bool     `json:"preserveDigests,omitempty" help:"fail rather than change a digest"`
	VerifyExisting  bool     `json:"verifyExisting,omitempty" help:"read again what the destination has, and repair what is corrupted"`
	DryRun          bool     `json:"dryRun,omitempty" help:"say what would be copied and copy nothing"`
	MaxRate         int64    `json:"maxRate,omitempty" unit:"bytes" help:"bytes a second to read at most"`
}

// CopyOut says what was copied.
type CopyOut struct {
	Source       string        `json:"source" help:"as it was asked for"`
	SourceDigest digest.Digest `json:"sourceDigest"`
	Digest       digest.Digest `json:"digest" help:"of what was written, to the last destination; other than the source's where the copy had to change it"`
	MediaType    string        `json:"mediaType"`
	Size         int64         `json:"size" help:"bytes of the manifest or index"`
	Destinations []Copied      `json:"destinations"`
	Left         []string      `json:"left" help:"what of the source was not copied, in words"`
	DryRun       bool          `json:"dryRun,omitempty" help:"nothing was written"`
}

// Copied is what one endpoint got.
type Copied struct {
	References []string      `json:"references"`
	Digest     digest.Digest `json:"digest" help:"of what these name now: another one than elsewhere where the endpoint holds no index"`
	Manifests  int           `json:"manifests" help:"of the image, and of what comes with it"`
	Written    int           `json:"written" help:"of the manifests: those that were not there, or not under that name or among the referrers"`
	Stored     xfer.Count    `json:"stored" help:"read and written"`
	Existed    xfer.Count    `json:"existed" help:"there already"`
	Mounted    xfer.Count    `json:"mounted" help:"taken over inside the registry"`
	Linked     *xfer.Count   `json:"linked,omitempty" help:"of those stored: what is one file with the source's now and takes no space, where the file system can do that"`
	Repaired   int           `json:"repaired,omitempty" help:"blobs that were there and corrupted"`
	Retries    int64         `json:"retries,omitempty" help:"requests that were sent again, to either end, after a failure that passed"`
}

// Copy copies what a reference names, and all that belongs to it, to one or more destinations, byte for byte unless the request
// wants something else written. A tag at a destination names either what it named before or something whole. Kinds: those
// of both ends, input, not_found (a platform), unsupported (what a format or endpoint cannot hold), verification.
func Copy(ctx context.Context, env *Env, in CopyIn) (CopyOut, error) {
	o, err := env.copyOptions(in)
	if err != nil {
		return CopyOut{}, err
	}
	ends, err := endpoints(in.Destinations)
	if err != nil {
		return CopyOut{}, err
	}
	if err := in.preserved(ends); err != nil {
		return CopyOut{}, err
	}
	src, r, err := env.open(ctx, in.Source)
	if err != nil {
		return CopyOut{}, err
	}
	defer src.Close()
	out := CopyOut{Source: in.Source, Left: []string{}, DryRun: in.DryRun}
	before := retries(src)
	// One plan for all, so that a tag which moves meanwhile does not give two endpoints two images.
	plan, err := xfer.New(ctx, src, r.Ident(), in.Source, o)
	if err != nil {
		return CopyOut{}, err
	}
	for _, e := range ends {
		c := copier{env, src, in, o}
		done, err := c.copy(ctx, plan, e, &out)
		if err != nil {
			return CopyOut{}, err
		}
		done.Retries += retries(src) - before
		before = retries(src)
		out.Destinations = append(out.Destinations, done)
	}
	return out, nil
}

func (e *Env) copyOptions(in CopyIn) (xfer.Options, error) {
	o := xfer.Options{
		Attestations: xfer.Attestations(in.Attestations), Format: xfer.Format(in.Format), Compress: compress.Kind(in.Compress),
		Referrers: in.Referrers, DigestTags: in.DigestTags, PreserveDigests: in.PreserveDigests, VerifyExisting: in.VerifyExisting,
		Jobs: e.Jobs, MaxRate: in.MaxRate, Event: e.Event, Clock: e.Clock, Yield: e.Yield,
	}
	switch {
	case len(in.Destinations) == 0:
		return o, errs.New(errs.Input, "copy", "names no destination").Hinted("for example stevedore copy alpine:3.20 oci:./alpine:3.20")
	case !slices.Contains([]xfer.Attestations{xfer.Auto, xfer.With, xfer.Drop}, o.Attestations):
		return o, errs.New(errs.Input, "attestations", "%q is neither keep nor drop", in.Attestations)
	case !slices.Contains([]xfer.Format{xfer.Keep, xfer.OCI, xfer.Docker}, o.Format):
		return o, errs.New(errs.Input, "format", "%q is neither oci nor docker", in.Format)
	case !slices.Contains([]compress.Kind{"", compress.Gzip, compress.Zstd}, o.Compress):
		return o, errs.New(errs.Input, "compress", "%q is neither gzip nor zstd", in.Compress)
	case in.MaxRate < 0:
		return o, errs.New(errs.Input, "maxRate", "%d is negative", in.MaxRate)
	}
	for _, s := range in.Platforms {
		p, err := oci.ParsePlatform(s)
		if err != nil {
			return o, err
		}
		o.Platforms = append(o.Platforms, p)
	}
	return o, nil
}

// preserved fails where digests are to be preserved at an end that holds no manifest: a docker archive, whose readers make one up.
func (in CopyIn) preserved(ends []endpoint) error {
	i := slices.IndexFunc(ends, func(e endpoint) bool { return e.refs[0].Scheme == ref.DockerArchive })
	if !in.PreserveDigests || i < 0 {
		return nil
	}
	return errs.New(errs.Input, ends[i].refs[0].Typed, "holds no manifest, so it would change the digest").
		Hinted("oci-archive: keeps it; or copy without --preserve-digests")
}

// endpoint is a repository, layout or archive, and the references of it that are written.
type endpoint struct {
	refs []ref.Reference
}

func (e endpoint) typed() []string {
	out := make([]string, 0, len(e.refs))
	for _, r := range e.refs {
		out = append(out, r.Typed)
	}
	return out
}

// names are the tags and digests to write.
func (e endpoint) names() []string {
	var out []string
	for _, r := range e.refs {
		for _, n := range []string{r.Tag, r.Digest} {
			if n != "" {
				out = append(out, n)
			}
		}
	}
	return out
}

// endpoints groups references by where they lead.
func endpoints(typed []string) ([]endpoint, error) {
	var out []endpoint
	for _, s := range typed {
		r, err := ref.Parse(s)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(out, func(e endpoint) bool { return e.refs[0].SameEndpoint(r) })
		if i < 0 && stream(r) && slices.ContainsFunc(out, func(e endpoint) bool { return stream(e.refs[0]) }) {
			return nil, errs.New(errs.Input, s, "is a second archive for standard output, which takes one")
		}
		if i < 0 {
			out = append(out, endpoint{})
			i = len(out) - 1
		}
		out[i].refs = append(out[i].refs, r)
	}
	return out, nil
}

// stream says whether r is an archive that goes to standard output.
func stream(r ref.Reference) bool {
	return r.Path == "-" && (r.Scheme == ref.OCIArchive || r.Scheme == ref.DockerArchive)
}

// copier copies to one endpoint.
type copier struct {
	env *Env
	src content.Source
	in  CopyIn
	o   xfer.Options
}

func (c copier) copy(ctx context.Context, plan *xfer.Plan, e endpoint, out *CopyOut) (Copied, error) {
	done, whole := Copied{References: e.typed()}, plan
	var report xfer.Report
	var err error
	if c.in.DryRun {
		report, plan, err = c.estimate(ctx, plan, e)
	} else {
		report, plan, done.Retries, err = c.move(ctx, plan, e)
	}
	if err != nil {
		return done, err
	}
	done.Digest = report.Root.Digest
	if out.SourceDigest == "" || plan == whole { // one image of an index counts where nothing more is copied anywhere
		out.SourceDigest = plan.Source()
	}
	out.Digest, out.MediaType, out.Size = report.Root.Digest, report.Root.MediaType, report.Root.Size
	for _, l := range plan.Left() {
		if !slices.Contains(out.Left, l) {
			out.Left = append(out.Left, l)
		}
	}
	done.Manifests, done.Written, done.Stored, done.Existed, done.Mounted, done.Linked, done.Repaired =
		report.Manifests, report.Written, report.Stored, report.Existed, report.Mounted, some(report.Linked), report.Repaired
	return done, nil
}

// Nothing says whether the endpoint stays, or stayed, as it was: it has all under these names already.
func (c Copied) Nothing() bool {
	return xfer.Report{Written: c.Written, Stored: c.Stored, Mounted: c.Mounted, Repaired: c.Repaired}.Nothing()
}

// some is c, and nil where it counts nothing.
func some(c xfer.Count) *xfer.Count {
	if c.Blobs == 0 {
		return nil
	}
	return &c
}

// retries is how many requests to an endpoint were sent again; 0 for one that does not count them.
func retries(end any) int64 {
	if r, ok := content.As[content.Retrier](end); ok {
		return r.Retries()
	}
	return 0
}

// move returns the plan that was moved, which the destination may have had changed, and the retries of the destination.
func (c copier) move(ctx context.Context, plan *xfer.Plan, e endpoint) (xfer.Report, *xfer.Plan, int64, error) {
	dst, err := c.env.sink(ctx, e.refs[0])
	if err != nil {
		return xfer.Report{}, nil, 0, err
	}
	defer dst.Close()
	if only, ok := content.As[content.ImagesOnly](dst); ok && only.ImagesOnly() && plan.IsIndex() && len(c.o.Platforms) == 0 {
		if plan, err = c.oneImage(ctx, plan); err != nil {
			return xfer.Report{}, nil, 0, err
		}
	}
	report, err := plan.Move(ctx, dst, e.names())
	return report, plan, retries(dst), err
}

// oneImage plans the image of the default platform in the index of plan, for a destination that holds no index.
func (c copier) oneImage(ctx context.Context, plan *xfer.Plan) (*xfer.Plan, error) {
	want, err := c.env.choice("")
	if err != nil {
		return nil, err
	}
	c.o.Platforms = []v1.Platform{want.platform}
	return xfer.New(ctx, c.src, plan.Source().String(), c.in.Source, c.o)
}

// estimate counts what would be stored, by looking at what the destination has where that can be looked at. It opens no sink,
// which would make an archive.
func (c copier) estimate(ctx context.Context, plan *xfer.Plan, e endpoint) (report xfer.Report, _ *xfer.Plan, err error) {
	if e.refs[0].Scheme == ref.DockerArchive && plan.IsIndex() && len(c.o.Platforms) == 0 {
		if plan, err = c.oneImage(ctx, plan); err != nil {
			return report, nil, err
		}
	}
	var have content.Source
	anew := e.refs[0].Scheme == ref.OCIArchive || e.refs[0].Scheme == ref.DockerArchive // it is written as a whole
	if there := c.env.written(); there.Source != nil && !anew {
		if dst, err := there.Source(ctx, e.refs[0]); err == nil {
			defer dst.Close()
			have = dst
		}
	}
	report, err = plan.Estimate(ctx, have, e.names())
	return report, plan, err
}
