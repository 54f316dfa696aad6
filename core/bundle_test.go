package core_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// TestBundleNames: images keep the names that they have, those of a layout or an archive are called after it, and none takes
// another one's place.
func TestBundleNames(t *testing.T) {
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	dir := t.TempDir()
	harbor, err := filepath.Abs("../testdata/harbor")
	require.NoError(t, err)
	copied := func(src, dst string) string {
		_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:" + harbor + ":" + src, Destinations: []string{dst}})
		require.NoError(t, err)
		return dst
	}
	static, archive := "static:"+filepath.Join(dir, "pub"), "docker-archive:"+filepath.Join(dir, "d.tar")
	refs := []string{
		copied("latest", static+":team/app:v1"), copied("amd64", static+":team/other:v1"), copied("amd64", archive+":app:v1"),
		"oci:" + harbor + ":arm64", "oci:../testdata/harbor:amd64",
	}
	bundle := "oci-archive:" + filepath.Join(dir, "b.tar")
	out, err := core.Bundle(t.Context(), env, core.BundleIn{Archive: bundle, Refs: refs})
	require.NoError(t, err)
	want := []string{"team/app:v1", "team/other:v1", "app:v1", harbor[1:] + ":arm64", "testdata/harbor:amd64"}
	var names []string
	for _, i := range out.Images {
		names = append(names, i.Name)
	}
	require.Equal(t, want, names)
	parsed, err := ref.Parse(bundle)
	require.NoError(t, err)
	src, err := mux.Open(t.Context(), parsed)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	lister, ok := content.As[content.TagLister](src)
	require.True(t, ok)
	names = nil
	for n, err := range lister.Tags(t.Context(), "") {
		require.NoError(t, err)
		names = append(names, n)
	}
	require.Equal(t, want, names)

	again := copied("latest", "docker-archive:"+filepath.Join(dir, "e.tar")+":team/app:v1")
	_, err = core.Bundle(t.Context(), env, core.BundleIn{Archive: "oci-archive:" + filepath.Join(dir, "c.tar"), Refs: []string{refs[0], again}})
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
	require.ErrorContains(t, err, "called team/app:v1 in the bundle")
}

// TestBundleSince: what the repository of an image has at the earlier bundle is left out, and what only another one has is not, since
// the place that it is loaded to may not give it to this one. So the later bundle can be loaded after the earlier one.
func TestBundleSince(t *testing.T) {
	files := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: files.Open, Sink: files.Create}
	dir := t.TempDir()
	static := "static:" + filepath.Join(dir, "pub")
	for src, dst := range map[string]string{"amd64": ":team/app:v1", "latest": ":team/app:v2"} {
		_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:../testdata/harbor:" + src, Destinations: []string{static + dst}})
		require.NoError(t, err)
	}
	_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:../testdata/harbor:amd64", Destinations: []string{static + ":team/other:v1"}})
	require.NoError(t, err)
	bundle := func(name, since string, tags ...string) core.BundleOut {
		in := core.BundleIn{Archive: filepath.Join(dir, name), Since: since}
		for _, tag := range tags {
			in.Refs = append(in.Refs, static+tag)
		}
		out, err := core.Bundle(t.Context(), env, in)
		require.NoError(t, err)
		return out
	}
	first := bundle("first.tar", "", ":team/app:v1")
	require.Equal(t, 5, first.Stored.Blobs)
	same := bundle("same.tar", filepath.Join(dir, "first.tar"), ":team/app:v2")
	require.Equal(t, first.Stored, same.Existed)
	other := bundle("other.tar", filepath.Join(dir, "first.tar"), ":team/other:v1")
	require.Equal(t, first.Stored, other.Stored)

	run := func(name string, dry bool) (items []core.SyncItem, failed error) {
		in := core.LoadIn{Archive: filepath.Join(dir, name), To: "oci:" + filepath.Join(dir, "to"), DryRun: dry}
		for it, err := range core.Load(t.Context(), env, in) {
			if failed = err; err == nil {
				items = append(items, it)
			}
		}
		return items, failed
	}
	dry, told := run("same.tar", true)
	require.NoDirExists(t, filepath.Join(dir, "to"))
	items, err := run("same.tar", false)
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	require.Equal(t, "failed", items[0].Action)
	require.Contains(t, items[0].Error.Hint, "load the earlier one first")
	require.EqualError(t, told, err.Error(), "the dry run tells the same")
	require.Equal(t, "failed", dry[0].Action)
	require.Equal(t, items[0].Error.Kind, dry[0].Error.Kind)
	require.Equal(t, items[0].Error.Hint, dry[0].Error.Hint)
	for _, name := range []string{"other.tar", "first.tar", "same.tar"} {
		items, err = run(name, true)
		require.NoError(t, err, name)
		require.Equal(t, "would copy", items[0].Action, name)
		items, err = run(name, false)
		require.NoError(t, err, name)
		require.Equal(t, "copied", items[0].Action, name)
	}

	_, err = core.Bundle(t.Context(), env, core.BundleIn{Archive: filepath.Join(dir, "x.tar"), Refs: []string{static + ":team/app:v1"}, Since: "frist"})
	require.Equal(t, errs.NotFound, errs.Of(err), "a name without a dot is a file: %v", err)
}

// TestSinceIsReadOnce: an earlier bundle is opened once, however many images are compared with it.
func TestSinceIsReadOnce(t *testing.T) {
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	dir, opened := t.TempDir(), 0
	env := &core.Env{Sink: mux.Create, Source: func(ctx context.Context, r ref.Reference) (content.Source, error) {
		if r.Path == dir+"/first.tar" {
			opened++
		}
		return mux.Open(ctx, r)
	}}
	refs := []string{"oci:../testdata/harbor:amd64", "oci:../testdata/harbor:arm64"}
	in := core.BundleIn{Archive: dir + "/first.tar", Refs: refs[:1]}
	_, err := core.Bundle(t.Context(), env, in)
	require.NoError(t, err)
	in = core.BundleIn{Archive: dir + "/second.tar", Refs: refs, Since: in.Archive}
	out, err := core.Bundle(t.Context(), env, in)
	require.NoError(t, err)
	require.Equal(t, 1, opened)
	require.Equal(t, 3, out.Stored.Blobs, "what the other platform has to itself")
}

// TestTagsOfAStaticRepository: the tag latest is meant where an image is wanted, and not where a repository is.
func TestTagsOfAStaticRepository(t *testing.T) {
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	repository := "static:" + t.TempDir() + ":team/app"
	for _, tag := range []string{"v1", "v2"} {
		_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:../testdata/harbor:amd64", Destinations: []string{repository + ":" + tag}})
		require.NoError(t, err)
	}
	var tags []string
	for tag, err := range core.Tags(t.Context(), env, core.TagsIn{Ref: repository}) {
		require.NoError(t, err)
		tags = append(tags, tag)
	}
	require.Equal(t, []string{"v1", "v2"}, tags)
	for _, typed := range []string{repository + ":v1", repository + "@" + digest.FromString("x").String()} {
		for _, err := range core.Tags(t.Context(), env, core.TagsIn{Ref: typed}) {
			require.Equal(t, errs.Input, errs.Of(err), typed)
		}
	}
}

// TestDryRunSaysWhatIsDone: a docker archive holds one image of an index.
func TestDryRunSaysWhatIsDone(t *testing.T) {
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	in := core.CopyIn{Source: "oci:../testdata/harbor:latest", Destinations: []string{"docker-archive:" + filepath.Join(t.TempDir(), "x.tar")}, DryRun: true}
	dry, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	in.DryRun = false
	done, err := core.Copy(t.Context(), env, in)
	require.NoError(t, err)
	dry.DryRun = false
	require.Equal(t, done, dry)

	all := "oci:" + t.TempDir() + ":all"
	for _, to := range [][]string{{in.Destinations[0], all}, {all, in.Destinations[0]}} {
		both, err := core.Copy(t.Context(), env, core.CopyIn{Source: in.Source, Destinations: to})
		require.NoError(t, err)
		for _, d := range both.Destinations {
			if d.References[0] == all {
				require.Equal(t, both.SourceDigest, d.Digest, "all of it")
			} else {
				require.Equal(t, done.Digest, d.Digest, "one image of the index")
			}
		}
		require.Equal(t, both.Destinations[1].Digest, both.Digest, "the last one's")
	}

	in.Destinations = []string{"oci-archive:-:v1", all, "docker-archive:-:app:v1"}
	_, err = core.Copy(t.Context(), env, in)
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "docker-archive:-:app:v1: is a second archive for standard output")
}

// TestPreservedNotInDockerArchive: a docker archive holds no manifest, so nothing is written where digests are to be preserved.
func TestPreservedNotInDockerArchive(t *testing.T) {
	mux, dir := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}}), t.TempDir()
	env := &core.Env{Source: mux.Open, Sink: mux.Create}
	archive := "docker-archive:" + filepath.Join(dir, "x.tar")
	for _, dry := range []bool{true, false} {
		in := core.CopyIn{Source: "oci:../testdata/harbor:amd64", Destinations: []string{"oci:" + filepath.Join(dir, "l"), archive}, PreserveDigests: true, DryRun: dry}
		_, err := core.Copy(t.Context(), env, in)
		require.Equal(t, errs.Input, errs.Of(err))
		require.ErrorContains(t, err, archive+": holds no manifest")
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "nothing is written anywhere")
	}
}
