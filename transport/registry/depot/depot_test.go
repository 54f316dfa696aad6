package depot_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// later is a clock that can be moved.
type later struct {
	clock.System
	by time.Duration
}

func (l *later) Now() time.Time { return time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC).Add(l.by) }

func open(t *testing.T, d *depot.Depot, name string) serve.Repository {
	t.Helper()
	r, err := d.Serve().Writable(t.Context(), name)
	require.NoError(t, err)
	return r
}

// put pushes a blob in one session.
func put(t *testing.T, r serve.Repository, b []byte) digest.Digest {
	t.Helper()
	s, err := r.Begin(t.Context())
	require.NoError(t, err)
	_, err = s.Write(b)
	require.NoError(t, err)
	d := digest.FromBytes(b)
	require.NoError(t, s.Commit(t.Context(), d))
	require.NoError(t, s.Close())
	return d
}

// fill pushes a fixture under a tag.
func fill(t *testing.T, r serve.Repository, f contenttest.Fixture, tag string) {
	t.Helper()
	for _, b := range f.Blobs {
		put(t, r, b.Bytes)
	}
	for _, c := range f.Children {
		require.NoError(t, r.PutManifest(t.Context(), c.Digest(), "", c))
	}
	require.NoError(t, r.PutManifest(t.Context(), f.Root.Digest(), tag, f.Root))
}

// TestSource runs the shared suite over a repository of a depot.
func TestSource(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		t.Run(name, func(t *testing.T) {
			f.Tampered, f.Tag = nil, "latest" // the tag of a repository that is not told which
			d := depot.Memory()
			fill(t, open(t, d, "a/b"), f, f.Tag)
			contenttest.Source(t, func(t *testing.T) content.Source {
				s, err := d.Open(t.Context(), "a/b")
				require.NoError(t, err)
				return s
			}, f)
		})
	}
}

// TestSessions: an upload goes on in another process, and its content is what counts, whoever wrote it.
func TestSessions(t *testing.T) {
	files := memfs.New()
	now := &later{}
	r := open(t, depot.New(files, now), "a/b")
	s, err := r.Begin(t.Context())
	require.NoError(t, err)
	_, err = s.Write([]byte("abc"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())

	again, err := open(t, depot.New(files, now), "a/b").Session(t.Context(), s.ID())
	require.NoError(t, err)
	require.EqualValues(t, 3, again.Size())
	_, err = again.Write([]byte("def"))
	require.NoError(t, err)
	want := digest.FromString("abcdef")
	require.NoError(t, again.Commit(t.Context(), want))
	require.NoError(t, again.Close())
	stat := r.(content.BlobStatter)
	d, err := stat.StatBlob(t.Context(), want)
	require.NoError(t, err)
	require.EqualValues(t, 6, d.Size)
	_, err = r.Session(t.Context(), s.ID())
	require.Equal(t, errs.NotFound, errs.Of(err), "it has ended")
	for _, id := range []string{"", "x", "../../etc/passwd", "1-" + "0000000000000000000000000000000x", s.ID() + "0"} {
		_, err := r.Session(t.Context(), id)
		require.Equal(t, errs.NotFound, errs.Of(err), id)
	}

	wrong, err := r.Begin(t.Context())
	require.NoError(t, err)
	_, err = wrong.Write([]byte("x"))
	require.NoError(t, err)
	require.Equal(t, errs.Verification, errs.Of(wrong.Commit(t.Context(), want)))
	require.NoError(t, wrong.Close())
	_, err = r.Session(t.Context(), wrong.ID())
	require.Equal(t, errs.NotFound, errs.Of(err), "it was dropped")
}

// TestSweep: uploads that nobody goes on with are dropped after a day.
func TestSweep(t *testing.T) {
	files, now := memfs.New(), &later{}
	r := open(t, depot.New(files, now), "a/b")
	old, err := r.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, old.Close())
	now.by = 23 * time.Hour
	young, err := r.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, young.Close())
	now.by = 25 * time.Hour
	put(t, r, []byte("x"))
	_, err = r.Session(t.Context(), old.ID())
	require.Equal(t, errs.NotFound, errs.Of(err))
	s, err := r.Session(t.Context(), young.ID())
	require.NoError(t, err)
	require.NoError(t, s.Cancel(t.Context()))
	require.NoError(t, s.Close())
	left, err := files.List(t.Context(), "upload")
	if err == nil {
		require.Empty(t, left)
	}
}

// TestOneRequestAtATime: a second request of a session waits for the first, or for its own end.
func TestOneRequestAtATime(t *testing.T) {
	r := open(t, depot.Memory(), "a/b")
	s, err := r.Begin(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Session(ctx, s.ID())
	require.Equal(t, errs.Cancelled, errs.Of(err))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := r.Session(t.Context(), s.ID())
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(s, "xx")
			_ = s.Close()
		})
	}
	require.NoError(t, s.Close())
	wg.Wait()
	s, err = r.Session(t.Context(), s.ID())
	require.NoError(t, err)
	require.EqualValues(t, 16, s.Size())
	require.NoError(t, s.Commit(t.Context(), digest.FromString("xxxxxxxxxxxxxxxx")))
	require.NoError(t, s.Close())
}

// TestRepositoriesAreApart: a blob of one is not one of another before it is mounted.
func TestRepositoriesAreApart(t *testing.T) {
	d := depot.Memory()
	a, b := open(t, d, "a"), open(t, d, "a/b")
	sum := put(t, a, []byte("x"))
	_, err := b.(content.BlobStatter).StatBlob(t.Context(), sum)
	require.Equal(t, errs.NotFound, errs.Of(err))
	_, err = b.Blob(v1.Descriptor{Digest: sum, Size: 1}).Open(t.Context())
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.Equal(t, errs.NotFound, errs.Of(b.Mount(t.Context(), sum, "c")))
	require.Equal(t, errs.NotFound, errs.Of(b.Mount(t.Context(), digest.FromString("y"), "")))
	require.NoError(t, b.Mount(t.Context(), sum, "a"))
	require.NoError(t, open(t, d, "c").Mount(t.Context(), sum, ""))
	require.NoError(t, a.DeleteBlob(t.Context(), sum))
	require.Equal(t, errs.NotFound, errs.Of(a.DeleteBlob(t.Context(), sum)))
	_, err = b.(content.BlobStatter).StatBlob(t.Context(), sum)
	require.NoError(t, err)
	require.Equal(t, []string{"a/b", "c"}, names(t, d, "a"))
	_, err = d.Open(t.Context(), "nobody")
	require.Equal(t, errs.NotFound, errs.Of(err))
	_, err = d.Open(t.Context(), "../etc")
	require.Equal(t, errs.Input, errs.Of(err))
}

func names(t *testing.T, d *depot.Depot, last string) []string {
	t.Helper()
	var out []string
	for name, err := range d.Repositories(t.Context(), last) {
		require.NoError(t, err)
		out = append(out, name)
	}
	return out
}

// TestManifests: what a manifest lists has to be there, tags and digests are deleted each for themselves.
func TestManifests(t *testing.T) {
	f := contenttest.NewIndex()
	d := depot.Memory()
	r := open(t, d, "a/b")
	require.Equal(t, errs.NotFound, errs.Of(r.PutManifest(t.Context(), f.Root.Digest(), "v1", f.Root)), "without its children")
	require.Equal(t, errs.NotFound, errs.Of(r.PutManifest(t.Context(), f.Children[0].Digest(), "", f.Children[0])), "without its blobs")
	_, err := d.Open(t.Context(), "a/b")
	require.Equal(t, errs.NotFound, errs.Of(err), "nothing was kept")

	fill(t, r, f, "v1")
	require.NoError(t, r.PutManifest(t.Context(), f.Root.Digest(), "v2", f.Root))
	require.NoError(t, r.PutManifest(t.Context(), f.Children[0].Digest(), "one", f.Children[0]))
	tags := func() []string {
		var out []string
		for tag, err := range r.(content.TagLister).Tags(t.Context(), "") {
			require.NoError(t, err)
			out = append(out, tag)
		}
		return out
	}
	require.Equal(t, []string{"one", "v1", "v2"}, tags())
	require.NoError(t, r.DeleteTag(t.Context(), "v2"))
	require.Equal(t, errs.NotFound, errs.Of(r.DeleteTag(t.Context(), "v2")))
	require.Equal(t, []string{"one", "v1"}, tags())
	require.NoError(t, r.DeleteManifest(t.Context(), f.Root.Digest()))
	require.Equal(t, []string{"one"}, tags(), "with every tag that names it")
	require.Equal(t, errs.NotFound, errs.Of(r.DeleteManifest(t.Context(), f.Root.Digest())))
	require.True(t, slices.IsSorted(tags()))
}
