package core_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/xfer"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/mem"
)

// mirror is an Env with two repositories in memory, mem:src with tags and mem:dst with nothing.
func mirror(t *testing.T, tags ...string) (*core.Env, *mem.Repository, *mem.Repository) {
	t.Helper()
	src, dst := mem.New(), mem.New()
	for _, tag := range tags {
		tagImage(t, src, tag, contenttest.NewIndex())
	}
	mux := transport.New(transport.Options{Mem: map[string]content.Source{"src": src, "dst": dst}})
	return &core.Env{Source: mux.Open, Sink: mux.Create}, src, dst
}

func tagImage(t *testing.T, r *mem.Repository, tag string, f contenttest.Fixture) {
	t.Helper()
	s := r.Sink()
	for _, c := range f.Blobs {
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
	}
	for _, c := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	require.NoError(t, s.PutManifest(t.Context(), tag, f.Root))
	require.NoError(t, s.Commit(t.Context()))
}

func runSync(t *testing.T, env *core.Env, in core.SyncIn) (map[string]string, error) {
	t.Helper()
	done := map[string]string{}
	for it, err := range core.Sync(t.Context(), env, in) {
		if err != nil {
			return done, err
		}
		done[it.Destination] = it.Action
	}
	return done, nil
}

func all() *xfer.Selection { return &xfer.Selection{} }

func TestSyncRepository(t *testing.T) {
	env, src, dst := mirror(t, "1.0", "1.1", "2.0", "latest")
	in := core.SyncIn{Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Semver: ">=1.1"}}}}
	in.DryRun = true
	done, err := runSync(t, env, in)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.1": "would copy", "mem:dst:2.0": "would copy"}, done)
	require.Empty(t, tagsOf(t, dst))

	in.DryRun = false
	done, err = runSync(t, env, in)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.1": "copied", "mem:dst:2.0": "copied"}, done)
	require.Equal(t, []string{"1.1", "2.0"}, tagsOf(t, dst))

	tagImage(t, src, "2.0", contenttest.NewImage())
	done, err = runSync(t, env, in)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.1": "unchanged", "mem:dst:2.0": "copied"}, done)
}

func tagsOf(t *testing.T, r *mem.Repository) []string {
	t.Helper()
	var out []string
	for tag, err := range r.Tags(t.Context(), "") {
		require.NoError(t, err)
		out = append(out, tag)
	}
	slices.Sort(out)
	return out
}

func TestSyncRenameAndDigests(t *testing.T) {
	env, _, dst := mirror(t, "v1.0", "v1.1", "edge", "sha256-"+fmt.Sprintf("%064d", 1)+".sig")
	d := contenttest.NewIndex().Root.Digest().String()
	done, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{{
		Source: "mem:src", Destination: "mem:dst", Tags: all(), Digests: []string{d},
		Rename: []xfer.Rename{{Match: `v(\d+\.\d+)`, Replace: "$1-mirror"}},
	}}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.0-mirror": "copied", "mem:dst:1.1-mirror": "copied", "mem:dst:edge": "copied", "mem:dst@" + d: "copied"}, ends(done))
	require.Equal(t, []string{"1.0-mirror", "1.1-mirror", "edge"}, tagsOf(t, dst))
	_, err = runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{{
		Source: "mem:src", Destination: "mem:dst", Tags: all(), Rename: []xfer.Rename{{Match: `v.*`, Replace: "same"}},
	}}})
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "both v1.0 and v1.1 would be called same")
}

// ends counts what was found to be there by another task of the same run as copied.
func ends(done map[string]string) map[string]string {
	for k, v := range done {
		if v == "unchanged" {
			done[k] = "copied"
		}
	}
	return done
}

// TestSyncKeepsGoing finishes what it can and ends with kind partial.
func TestSyncKeepsGoing(t *testing.T) {
	env, src, dst := mirror(t, "a", "b")
	broken := contenttest.NewImage()
	broken.Root = oci.Document{MediaType: broken.Root.MediaType, Raw: []byte(`{"schemaVersion":2,"config":{"digest":"sha256:` + fmt.Sprintf("%064d", 0) + `","size":3}}`)}
	tagImage(t, src, "broken", broken)
	done, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: all()}, {Source: "mem:nowhere:x", Destination: "mem:dst:x"}}})
	require.Equal(t, errs.Partial, errs.Of(err), "%v", err)
	require.Equal(t, map[string]string{"mem:dst:a": "copied", "mem:dst:b": "copied", "mem:dst:broken": "failed", "mem:dst:x": "failed"}, ends(done))
	require.Equal(t, []string{"a", "b"}, tagsOf(t, dst))
}

// TestSyncPruneLayout deletes from a layout, where a manifest takes its blobs along, what the same run copies under another name.
func TestSyncPruneLayout(t *testing.T) {
	src, host := mem.New(), memfs.New()
	mux := transport.New(transport.Options{Files: host, Writable: host, Mem: map[string]content.Source{"src": src}})
	env := &core.Env{Source: mux.Open, Origin: mux.Origin, Sink: mux.Create}
	job := core.SyncJob{Source: "mem:src", Destination: "oci:dst", Tags: all()}
	for _, tag := range []string{"1", "2", "3"} {
		tagImage(t, src, tag, contenttest.NewIndex())
		done, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{job}, Prune: true})
		require.NoError(t, err)
		require.Equal(t, "copied", done["oci:dst:"+tag])
		require.NoError(t, src.DeleteTag(t.Context(), tag))
		for range core.Tags(t.Context(), env, core.TagsIn{Ref: "oci:dst"}) {
			ok, wrong, err := validate(t, env, "oci:dst:"+tag)
			require.NoError(t, err)
			require.Positive(t, ok)
			require.Zero(t, wrong)
		}
	}
	_, err := core.Digest(t.Context(), env, core.DigestIn{Ref: "oci:dst:1"})
	require.Equal(t, errs.NotFound, errs.Of(err), "pruned")
}

func TestSyncPrune(t *testing.T) {
	env, _, dst := mirror(t, "1.0", "1.1")
	for _, tag := range []string{"0.9", "mine"} {
		tagImage(t, dst, tag, contenttest.NewImage())
	}
	job := core.SyncJob{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Include: []string{"[0-9]*"}, Newest: 1}}
	done, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{job}, Prune: true, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.1": "would copy", "mem:dst:0.9": "would delete"}, done)

	done, err = runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{job}, Prune: true})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.1": "copied", "mem:dst:0.9": "deleted"}, done)
	require.Equal(t, []string{"1.1", "mine"}, tagsOf(t, dst), "what the job does not select stays")

	none := job
	none.Tags = &xfer.Selection{Include: []string{"x*", "mine", "0.9"}}
	done, err = runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{none}, Prune: true, DryRun: true})
	require.NoError(t, err)
	require.Empty(t, done, "an empty list empties nothing")

	job.Rename = []xfer.Rename{{Match: "x", Replace: "y"}}
	_, err = runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{job}, Prune: true})
	require.Equal(t, errs.Input, errs.Of(err))
}

// TestNothingToPrune: a job that selects no tags deletes none, which is said once where no tag is named either.
func TestNothingToPrune(t *testing.T) {
	env, src, dst := mirror(t, "1.0")
	for _, s := range []*mem.Repository{src, dst} {
		tagImage(t, s, "latest", contenttest.NewImage())
	}
	tagImage(t, dst, "mine", contenttest.NewImage())
	var said []event.Event
	env.Event = func(e event.Event) {
		if e.Kind == event.Warning {
			said = append(said, e)
		}
	}
	jobs := []core.SyncJob{{Source: "mem:src:1.0", Destination: "mem:dst:1.0"}, {Source: "mem:src:latest", Destination: "mem:dst"}}
	_, err := runSync(t, env, core.SyncIn{Jobs: jobs, Prune: true})
	require.NoError(t, err)
	require.Equal(t, []event.Event{{Kind: event.Warning, Subject: "mem:dst", Message: "has nothing to prune, since its job selects no tags"}}, said)
	require.Contains(t, tagsOf(t, dst), "mine")
	said = nil
	_, err = runSync(t, env, core.SyncIn{Jobs: jobs})
	require.NoError(t, err)
	require.Empty(t, said)
}

// TestSyncShards cuts the work into parts that together are all of it, each image in one part.
func TestSyncShards(t *testing.T) {
	var tags []string
	for i := range 30 {
		tags = append(tags, fmt.Sprint("t", i))
	}
	env, _, _ := mirror(t, tags...)
	seen := map[string]int{}
	for i := range 3 {
		done, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: all()}}, DryRun: true, Shard: fmt.Sprintf("%d/3", i+1)})
		require.NoError(t, err)
		require.NotEmpty(t, done)
		for d := range done {
			seen[d]++
		}
	}
	require.Len(t, seen, 30)
	for d, n := range seen {
		require.Equal(t, 1, n, d)
	}
}

func TestSyncInput(t *testing.T) {
	env, _, _ := mirror(t, "1.0")
	for name, in := range map[string]core.SyncIn{
		"no jobs":          {},
		"shard":            {Jobs: []core.SyncJob{{Source: "mem:src:1.0", Destination: "mem:dst:1.0"}}, Shard: "3/2"},
		"reference":        {Jobs: []core.SyncJob{{Source: "UPPER", Destination: "mem:dst"}}},
		"tags of an image": {Jobs: []core.SyncJob{{Source: "mem:src:1.0", Destination: "mem:dst", Tags: all()}}},
		"glob":             {Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Include: []string{"["}}}}},
		"regex":            {Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Match: "("}}}},
		"semver":           {Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Semver: "!!"}}}},
		"digest":           {Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Digests: []string{"sha256:x"}}}},
		"platform":         {Jobs: []core.SyncJob{{Source: "mem:src:1.0", Destination: "mem:dst:1", Platforms: []string{"linux"}}}},
		"a dir has no tag": {Jobs: []core.SyncJob{{Source: "mem:src", Destination: "dir:x", Tags: all()}}},
	} {
		_, err := runSync(t, env, in)
		require.Equal(t, errs.Input, errs.Of(err), "%s: %v", name, err)
	}
}

func TestSyncStops(t *testing.T) {
	var tags []string
	for i := range 50 {
		tags = append(tags, fmt.Sprint("t", i))
	}
	env, _, _ := mirror(t, tags...)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	n := 0
	for _, err := range core.Sync(ctx, env, core.SyncIn{Jobs: []core.SyncJob{{Source: "mem:src", Destination: "mem:dst", Tags: all()}}}) {
		if err != nil {
			require.Equal(t, errs.Cancelled, errs.Of(err))
			break
		}
		if n++; n == 3 {
			stop()
		}
	}
	require.Less(t, n, 50)
}

// TestSyncUndone refuses jobs of which one would take away what the other brings.
func TestSyncUndone(t *testing.T) {
	env, _, _ := mirror(t, "1.0", "1.1")
	one := func(dst string) core.SyncJob { return core.SyncJob{Source: "mem:src:1.0", Destination: dst} }
	whole := func(src, dst string) core.SyncJob { return core.SyncJob{Source: src, Destination: dst, Tags: all()} }
	for name, c := range map[string]struct {
		jobs  []core.SyncJob
		prune bool
		says  string
	}{
		"tags into an archive":    {[]core.SyncJob{whole("mem:src", "oci-archive:x.tar")}, false, "written anew for each image"},
		"an archive twice":        {[]core.SyncJob{one("oci-archive:x.tar:a"), one("oci-archive:./x.tar:b")}, false, "written anew"},
		"a docker archive twice":  {[]core.SyncJob{one("docker-archive:x.tar:a"), one("docker-archive:x.tar:b")}, false, "written anew"},
		"a folder twice":          {[]core.SyncJob{one("dir:x"), one("dir:x")}, false, "written anew"},
		"pruned for one another":  {[]core.SyncJob{whole("mem:src", "mem:dst"), whole("mem:other", "mem:dst")}, true, "another job writes to it"},
		"pruned beside one image": {[]core.SyncJob{whole("mem:src", "mem:dst"), one("mem:dst:2")}, true, "another job writes to it"},
		"one image, then pruned":  {[]core.SyncJob{one("mem:dst:2"), whole("mem:src", "mem:dst")}, true, "another job writes to it"},
	} {
		done, err := runSync(t, env, core.SyncIn{Jobs: c.jobs, Prune: c.prune})
		require.Equal(t, errs.Input, errs.Of(err), "%s: %v", name, err)
		require.ErrorContains(t, err, c.says, name)
		require.Empty(t, done, "%s: nothing was done", name)
	}
	_, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{one("mem:dst:a"), one("mem:dst:b"), whole("mem:src", "mem:dst")}})
	require.NoError(t, err, "without pruning they get along")
}

// TestSyncPruneLists: the tag that lists what refers to an image is not taken away because the source has an API for that, even where
// a rule selects every tag.
func TestSyncPruneLists(t *testing.T) {
	env, _, dst := mirror(t, "1.0")
	list := "sha256-" + fmt.Sprintf("%064d", 1)
	for _, tag := range []string{list, list + ".sig", "0.9"} {
		tagImage(t, dst, tag, contenttest.NewImage())
	}
	job := core.SyncJob{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Match: ".*"}}
	done, err := runSync(t, env, core.SyncIn{Jobs: []core.SyncJob{job}, Prune: true})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"mem:dst:1.0": "copied", "mem:dst:0.9": "deleted", "mem:dst:" + list + ".sig": "deleted"}, done)
	require.Equal(t, []string{"1.0", list}, tagsOf(t, dst))
}

// TestSyncOnce: what overlapping jobs want alike is done once, and what they want otherwise under one name is no matter of chance.
func TestSyncOnce(t *testing.T) {
	env, src, dst := mirror(t, "1.0", "1.1")
	tagImage(t, src, "2.0", contenttest.NewImage())
	semver := func(r string) core.SyncJob {
		return core.SyncJob{Source: "mem:src", Destination: "mem:dst", Tags: &xfer.Selection{Semver: r}}
	}
	var done, says []string
	for it, err := range core.Sync(t.Context(), env, core.SyncIn{Jobs: []core.SyncJob{
		semver("<2"), semver(">=1.1 <2"), {Source: "mem:src:1.0", Destination: "mem:dst:1.0"}, {Source: "mem:src:2.0", Destination: "mem:dst:1.1"},
	}}) {
		if err != nil {
			require.Equal(t, errs.Partial, errs.Of(err))
			continue
		}
		done = append(done, it.Action+" "+it.Source+" "+it.Destination)
		if it.Error != nil {
			says = append(says, it.Error.Message)
		}
	}
	slices.Sort(done)
	require.Equal(t, []string{"copied mem:src:1.0 mem:dst:1.0", "copied mem:src:1.1 mem:dst:1.1", "failed mem:src:2.0 mem:dst:1.1"}, done)
	require.Equal(t, []string{"mem:dst:1.1: mem:src:1.1 is copied there by the same run, and one name is one image"}, says)
	require.Equal(t, []string{"1.0", "1.1"}, tagsOf(t, dst))
}
