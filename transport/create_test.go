package transport_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/mem"
)

func create(t *testing.T, o transport.Options, typed string) (content.Sink, error) {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	return transport.New(o).Create(t.Context(), r)
}

// everywhere are references of every transport that writes files, into the folder prefix.
func everywhere(prefix string) []string {
	return []string{"oci:" + prefix + "l:v1", "dir:" + prefix + "d", "static:" + prefix + "s:app:v1", "oci-archive:" + prefix + "a.tar:v1", "docker-archive:" + prefix + "b.tar:app:v1"}
}

func TestHostsThatCannotWrite(t *testing.T) {
	m := memfs.From(map[string][]byte{"file": nil, "folder/file": nil})
	files := transport.Options{Files: m, Writable: m, Mem: map[string]content.Source{"fixed": readOnly{mem.New()}}}
	for _, typed := range everywhere("") {
		_, err := create(t, transport.Options{Files: m}, typed)
		require.Equal(t, errs.Unsupported, errs.Of(err), typed)
		require.EqualError(t, err, typed+": this host writes no files")
	}
	for typed, c := range map[string]struct {
		kind    errs.Kind
		message string
	}{
		"docker://a/b:1":          {errs.Unsupported, "this host has no network"},
		"oci-archive:-":           {errs.Unsupported, "this host has no standard output"},
		"oci:file":                {errs.Input, "is not a directory"},
		"dir:file":                {errs.Input, "is not a directory"},
		"dir:folder":              {errs.Input, "is a folder with other files in it and no dir: image"},
		"oci-archive:folder":      {errs.Input, "is not a regular file"},
		"oci-archive:file/a.tar":  {errs.Input, ""},
		"static:folder":           {errs.Input, "names no repository"},
		"mem:nope":                {errs.NotFound, "there is no repository of that name in memory"},
		"mem:fixed":               {errs.Unsupported, "what has that name in memory is only read"},
		"docker-archive:x.tar:@1": {"", ""},
	} {
		_, err := create(t, files, typed)
		require.Equal(t, c.kind, errs.Of(err), "%s: %v", typed, err)
		if c.message != "" {
			require.EqualError(t, err, typed+": "+c.message)
		}
	}
	_, err := create(t, transport.Options{Writable: osfs.Host{}}, "oci-archive:"+filepath.Join(t.TempDir(), "nope", "a.tar"))
	require.Equal(t, errs.NotFound, errs.Of(err))
}

// readOnly is a repository that nobody finds behind it.
type readOnly struct{ content.Source }

// TestEveryTransportWrites copies into each and reads it again.
func TestEveryTransportWrites(t *testing.T) {
	dir := t.TempDir()
	repository := mem.New()
	o := transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}, Mem: map[string]content.Source{"m": repository}}
	f := contenttest.NewImage()
	for _, typed := range append(everywhere(dir+string(filepath.Separator)), "mem:m:v1") {
		for range 2 { // what is there is added to or replaced
			s, err := create(t, o, typed)
			require.NoError(t, err, typed)
			require.NoError(t, put(t, s, typed, f), typed)
		}
		img, err := tryWalk(t, transport.New(o), typed)
		require.NoError(t, err, typed)
		require.Equal(t, f.Blobs[0].Descriptor.Digest, img.configs[0], typed)
	}
}

func put(t *testing.T, s content.Sink, typed string, f contenttest.Fixture) error {
	t.Helper()
	r, err := ref.Parse(typed)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for _, c := range f.Blobs {
		if _, err := s.PutBlob(t.Context(), c.Blob()); err != nil {
			return err
		}
	}
	if err := s.PutManifest(t.Context(), r.Ident(), f.Root); err != nil {
		return err
	}
	return s.Commit(t.Context())
}

// refusing is a host where nothing may be written, or there is no room.
type refusing struct {
	*memfs.FS
	err error
}

func (r refusing) CreateDir(ctx context.Context, name string) (fsys.WritableDir, error) {
	d, err := r.FS.CreateDir(ctx, name)
	return full{d, r.err}, err
}

func (r refusing) Place(ctx context.Context, path string) (fsys.WritableDir, string, error) {
	d, name, err := r.FS.Place(ctx, path)
	return full{d, r.err}, name, err
}

type full struct {
	fsys.WritableDir
	err error
}

func (f full) Append(_ context.Context, name string) (fsys.Writer, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: f.err}
}

// TestDestinationsThatRefuse have a kind, and the name of the destination in the message.
func TestDestinationsThatRefuse(t *testing.T) {
	for err, kind := range map[error]errs.Kind{fs.ErrPermission: errs.Denied, syscall.EROFS: errs.Denied, syscall.EACCES: errs.Denied, syscall.ENOSPC: errs.Internal} {
		host := refusing{memfs.New(), err}
		for _, typed := range everywhere("") {
			s, cerr := create(t, transport.Options{Files: host.FS, Writable: host}, typed)
			if cerr == nil {
				cerr = put(t, s, typed, contenttest.NewImage())
			}
			require.Equal(t, kind, errs.Of(cerr), "%s: %v", typed, cerr)
			require.ErrorIs(t, cerr, err)
			require.ErrorContains(t, cerr, typed+": ")
		}
	}
}

// TestAFolderWithoutPermission is for who is not root, who may write anywhere.
func TestAFolderWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	if os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600) == nil {
		t.Log("this user may write anywhere")
		return
	}
	for _, typed := range everywhere(dir + string(filepath.Separator)) {
		_, err := create(t, transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}}, typed)
		require.Equal(t, errs.Denied, errs.Of(err), "%s: %v", typed, err)
	}
}
