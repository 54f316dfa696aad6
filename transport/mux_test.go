package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/mem"
)

func open(t *testing.T, o transport.Options, typed string) (content.Source, error) {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	return transport.New(o).Open(t.Context(), r)
}

func TestHostsThatCannot(t *testing.T) {
	files := transport.Options{Files: memfs.New()}
	stdin := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }
	for typed, c := range map[string]struct {
		o            transport.Options
		kind         errs.Kind
		message, tip string
	}{
		"docker://a/b:1":       {files, errs.Unsupported, "docker://a/b:1: this host has no network", "copy the image to an OCI layout first"},
		"alpine":               {transport.Options{NoRegistryHint: "do that"}, errs.Unsupported, "alpine: this host has no network", "do that"},
		"oci:x":                {transport.Options{}, errs.Unsupported, "oci:x: this host has no files", ""},
		"docker-archive:x.tar": {transport.Options{}, errs.Unsupported, "docker-archive:x.tar: this host has no files", ""},
		"static:x":             {files, errs.NotFound, "static:x: there is no such directory", ""},
		"mem:x":                {files, errs.NotFound, "mem:x: there is no image of that name in memory", ""},
		"dir:x":                {files, errs.NotFound, "dir:x: there is no such directory", ""},
		"oci:y:tag":            {files, errs.NotFound, "oci:y:tag: there is no such directory", ""},
		"oci-archive:x.tar:v1": {files, errs.NotFound, "oci-archive:x.tar:v1: there is no such file", ""},
		"oci-archive:-":        {transport.Options{Stdin: stdin}, errs.Unsupported, "oci-archive:-: an archive from standard input needs temporary space, and this host has none", "name the file instead"},
		"docker-archive:-":     {transport.Options{Scratch: fsys.Fixed(memfs.New())}, errs.Unsupported, "docker-archive:-: this host has no standard input", ""},
	} {
		_, err := open(t, c.o, typed)
		require.Equal(t, c.kind, errs.Of(err), "%s: %v", typed, err)
		require.EqualError(t, err, c.message)
		require.Contains(t, errs.HintOf(err), c.tip)
	}
}

func TestTheWrongSchemeIsExplained(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.tar"), nil, 0o600))
	o := transport.Options{Files: osfs.Host{}}
	for typed, hint := range map[string]string{
		"oci:" + dir + "/a.tar":    "a file is read with oci-archive: or docker-archive:",
		"dir:" + dir + "/a.tar":    "a file is read with oci-archive: or docker-archive:",
		"oci-archive:" + dir:       "a layout in a directory is read with oci:",
		"docker-archive:/dev/null": "a pipe is read as standard input: docker-archive:-",
	} {
		_, err := open(t, o, typed)
		require.Equal(t, errs.Input, errs.Of(err), "%v", err)
		require.Equal(t, hint, errs.HintOf(err), "%v", err)
	}
}

func TestPathsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	o := transport.Options{Files: osfs.Host{}}
	for _, scheme := range []string{"oci:", "dir:", "oci-archive:", "docker-archive:"} {
		for path, kind := range map[string]errs.Kind{"/file/x": errs.NotFound, "/loop": errs.Input, "/" + strings.Repeat("a", 300): errs.Input} {
			typed := scheme + dir + path
			_, err := open(t, o, typed)
			require.Equal(t, kind, errs.Of(err), "%v", err)
			require.ErrorContains(t, err, typed+": ")
			require.Empty(t, errs.HintOf(err))
		}
	}
}

func TestMem(t *testing.T) {
	r, f := mem.New(), contenttest.NewImage()
	s := r.Sink()
	for _, c := range f.Blobs {
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
	}
	require.NoError(t, s.PutManifest(t.Context(), f.Tag, f.Root))
	require.NoError(t, s.Commit(t.Context()))
	f.Tampered = nil
	contenttest.Source(t, func(t *testing.T) content.Source {
		src, err := open(t, transport.Options{Mem: map[string]content.Source{"x": r}}, "mem:x")
		require.NoError(t, err)
		return src
	}, f)
}

func TestStandardInput(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "skopeo", "copy", "-q", "oci:"+harbor(t)+":amd64", "docker-archive:a.tar:harbor:v1")
	scratch := memfs.New()
	m := transport.New(transport.Options{Scratch: fsys.Fixed(scratch), Yield: func() {}, Stdin: func(context.Context) (io.ReadCloser, error) {
		return os.Open(filepath.Join(dir, "a.tar"))
	}})
	require.Equal(t, walk(t, muxOf(t), "docker-archive:"+dir+"/a.tar"), walk(t, m, "docker-archive:-"))
	left, err := scratch.List(t.Context(), ".")
	require.NoError(t, err)
	require.Empty(t, left, "scratch is left clean")
}

func TestBrokenStandardInput(t *testing.T) {
	scratch := memfs.New()
	broken := io.MultiReader(bytes.NewReader(make([]byte, 1000)), errorReader{})
	_, err := open(t, transport.Options{Scratch: fsys.Fixed(scratch), Stdin: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(broken), nil }}, "oci-archive:-")
	require.ErrorContains(t, err, "the pipe broke")
	left, err := scratch.List(t.Context(), ".")
	require.NoError(t, err)
	require.Empty(t, left)
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errors.New("the pipe broke") }

func TestOpenFile(t *testing.T) {
	turns := 0
	m := transport.New(transport.Options{
		Files: memfs.From(map[string][]byte{"a/b": make([]byte, 200<<10)}), Yield: func() { turns++ },
		Stdin: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("piped")), nil },
	})
	for name, size := range map[string]int{"a/b": 200 << 10, "./a/b": 200 << 10, "-": 5} {
		r, err := m.OpenFile(t.Context(), name)
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Len(t, b, size)
		require.NoError(t, r.Close())
	}
	require.Greater(t, turns, 6, "reading yields")
	for name, kind := range map[string]errs.Kind{"nope": errs.NotFound, "a": errs.Input} {
		_, err := m.OpenFile(t.Context(), name)
		require.Equal(t, kind, errs.Of(err), "%v", err)
	}
	_, err := transport.New(transport.Options{}).OpenFile(t.Context(), "-")
	require.Equal(t, errs.Unsupported, errs.Of(err))
	_, err = transport.New(transport.Options{}).OpenFile(t.Context(), "x")
	require.Equal(t, errs.Unsupported, errs.Of(err))
}

func TestDockerReferencesGoToTheRegistry(t *testing.T) {
	asked := ""
	f := fetchshim.Func(func(_ context.Context, r *fetchshim.Request) (*fetchshim.Response, error) {
		asked = r.URL
		return &fetchshim.Response{Status: 404, URL: r.URL, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	})
	s, err := open(t, transport.Options{Fetcher: f}, "localhost:5000/a/b:1")
	require.NoError(t, err)
	_, err = s.Manifest(t.Context(), "1")
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	require.Equal(t, "http://localhost:5000/v2/a/b/manifests/1", asked)
	require.NoError(t, s.Close())
}
