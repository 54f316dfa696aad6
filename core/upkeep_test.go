package core_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

func TestTagAndDelete(t *testing.T) {
	env, src, _ := mirror(t, "1.0")
	root := contenttest.NewIndex().Root
	out, err := core.Tag(t.Context(), env, core.TagIn{Ref: "mem:src:1.0", Tags: []string{"1", "latest"}})
	require.NoError(t, err)
	require.Equal(t, root.Digest(), out.Digest)
	require.Equal(t, []string{"1", "1.0", "latest"}, tagsOf(t, src))

	del, err := core.Delete(t.Context(), env, core.DeleteIn{Ref: "mem:src:1.0", DryRun: true})
	require.NoError(t, err)
	require.Equal(t, core.DeleteOut{Tag: "1.0", Digest: root.Digest(), Referrers: []digest.Digest{}, DryRun: true}, del)
	require.Len(t, tagsOf(t, src), 3)

	_, err = core.Delete(t.Context(), env, core.DeleteIn{Ref: "mem:src:1.0"})
	require.NoError(t, err)
	require.Equal(t, []string{"1", "latest"}, tagsOf(t, src), "its siblings stay")
	del, err = core.Delete(t.Context(), env, core.DeleteIn{Ref: "mem:src:1", Manifest: true})
	require.NoError(t, err)
	require.True(t, del.Manifest)
	require.Empty(t, tagsOf(t, src))

	for ref, kind := range map[string]errs.Kind{"mem:src": errs.Input, "mem:src:1": errs.NotFound, "oci:x:latest": errs.Unsupported} {
		_, err = core.Delete(t.Context(), env, core.DeleteIn{Ref: ref})
		require.Equal(t, kind, errs.Of(err), "%s: %v", ref, err)
	}
	_, err = core.Tag(t.Context(), env, core.TagIn{Ref: "mem:src:1", Tags: []string{"-x"}})
	require.Equal(t, errs.Input, errs.Of(err))
}

func TestDeleteReferrers(t *testing.T) {
	env, src, _ := mirror(t, "1.0")
	subject := contenttest.NewIndex().Root.Descriptor()
	s := src.Sink()
	var want []digest.Digest
	for _, kind := range []string{"signature", "signature of the signature"} {
		doc := oci.Document{MediaType: "application/vnd.oci.image.manifest.v1+json", Raw: []byte(`{"schemaVersion":2,"artifactType":"` + kind +
			`","subject":{"mediaType":"` + subject.MediaType + `","digest":"` + subject.Digest.String() + `","size":1}}`)}
		require.NoError(t, s.PutManifest(t.Context(), "", doc))
		subject = doc.Descriptor()
		want = append([]digest.Digest{doc.Digest()}, want...)
	}
	require.NoError(t, s.Commit(t.Context()))
	out, err := core.Delete(t.Context(), env, core.DeleteIn{Ref: "mem:src:1.0", Manifest: true, Referrers: true})
	require.NoError(t, err)
	require.Equal(t, want, out.Referrers, "the farthest first")
	for _, d := range want {
		_, err := src.Manifest(t.Context(), d.String())
		require.Equal(t, errs.NotFound, errs.Of(err))
	}
	_, err = core.Delete(t.Context(), env, core.DeleteIn{Ref: "mem:src:1.0", Referrers: true})
	require.Error(t, err)
}

// filesEnv is an Env that reads what is on the disk.
func filesEnv() *core.Env {
	mux := transport.New(transport.Options{Files: osfs.Host{}})
	return &core.Env{Source: mux.Open, Sink: mux.Create}
}

func validate(t *testing.T, env *core.Env, ref string) (ok, wrong int, err error) {
	t.Helper()
	for it, ierr := range core.Validate(t.Context(), env, core.ValidateIn{Ref: ref}) {
		switch {
		case ierr != nil:
			err = ierr
		case it.Error != nil:
			wrong++
		default:
			ok++
		}
	}
	return ok, wrong, err
}

func TestValidate(t *testing.T) {
	env := filesEnv()
	ok, wrong, err := validate(t, env, "oci:../testdata/harbor:latest")
	require.NoError(t, err)
	require.Zero(t, wrong)
	require.Equal(t, 11, ok, "an index, two manifests, two configs, six layers of which two are shared")

	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("../testdata/harbor")))
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	require.NoError(t, err)
	for _, name := range blobs {
		if b, err := os.ReadFile(name); err == nil && len(b) > 100_000 {
			b[len(b)/2] ^= 1
			require.NoError(t, os.WriteFile(name, b, 0o644))
			break
		}
	}
	_, wrong, err = validate(t, env, "oci:"+dir+":latest")
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Equal(t, 1, wrong, "the others are right, and said to be")
}

// TestValidateDiffID finds a config whose diff IDs are not those of the layers, though every digest is right.
func TestValidateDiffID(t *testing.T) {
	env, src, _ := mirror(t)
	f := contenttest.NewImage()
	m, err := f.Root.Manifest()
	require.NoError(t, err)
	wrong := contenttest.NewContent(m.Config.MediaType, []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["`+m.Layers[1].Digest.String()+`"]}}`))
	f.Blobs[0] = wrong
	f.Root.Raw = []byte(strings.NewReplacer(m.Config.Digest.String(), wrong.Descriptor.Digest.String()).Replace(string(f.Root.Raw)))
	f.Root.Raw = []byte(strings.Replace(string(f.Root.Raw), `"size":`+strconv.FormatInt(m.Config.Size, 10), `"size":`+strconv.FormatInt(wrong.Descriptor.Size, 10), 1))
	tagImage(t, src, "v1", f)
	ok, bad, err := validate(t, env, "mem:src:v1")
	require.Equal(t, errs.Verification, errs.Of(err))
	require.Equal(t, 2, ok)
	require.Equal(t, 2, bad, "one diff ID differs, one is missing")
}

// TestNothingIsAddedToAnArchive: it would be written anew, with nothing but that in it.
func TestNothingIsAddedToAnArchive(t *testing.T) {
	mux := transport.New(transport.Options{Files: osfs.Host{}, Writable: osfs.Host{}})
	env := &core.Env{Source: mux.Open, Sink: mux.Create, File: mux.OpenFile}
	dir := t.TempDir()
	manifest := filepath.Join(dir, "m.json")
	require.NoError(t, os.WriteFile(manifest, contenttest.NewImage().Root.Raw, 0o600))
	for scheme, tag := range map[string]string{"oci-archive": "v1", "docker-archive": "app:v1"} {
		typed := scheme + ":" + filepath.Join(dir, scheme+".tar") + ":" + tag
		_, err := core.Copy(t.Context(), env, core.CopyIn{Source: "oci:../testdata/harbor:amd64", Destinations: []string{typed}})
		require.NoError(t, err)
		before, err := os.ReadFile(filepath.Join(dir, scheme+".tar"))
		require.NoError(t, err)
		for name, add := range map[string]func() error{
			"tag": func() error {
				_, err := core.Tag(t.Context(), env, core.TagIn{Ref: typed, Tags: []string{"v2"}})
				return err
			},
			"manifest-put": func() error {
				_, err := core.ManifestPut(t.Context(), env, core.ManifestPutIn{Ref: typed, File: manifest})
				return err
			},
			"blob-put": func() error {
				_, err := core.BlobPut(t.Context(), env, core.BlobPutIn{Ref: typed, File: manifest})
				return err
			},
		} {
			require.Equal(t, errs.Unsupported, errs.Of(add()), "%s %s", name, scheme)
			after, err := os.ReadFile(filepath.Join(dir, scheme+".tar"))
			require.NoError(t, err)
			require.True(t, bytes.Equal(before, after), "%s %s", name, scheme)
		}
	}
}

func TestManifestAndBlob(t *testing.T) {
	env, _, dst := mirror(t, "1.0")
	files := map[string]string{}
	env.File = func(_ context.Context, name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(files[name])), nil
	}
	var out strings.Builder
	env.Output = func(context.Context, string) (io.WriteCloser, error) { out.Reset(); return nopCloser{&out}, nil }
	f := contenttest.NewIndex()

	got, err := core.ManifestGet(t.Context(), env, core.ManifestGetIn{Ref: "mem:src:1.0"})
	require.NoError(t, err)
	require.Equal(t, string(f.Root.Raw), out.String())
	head, err := core.ManifestHead(t.Context(), env, core.ManifestHeadIn{Ref: "mem:src:1.0"})
	require.NoError(t, err)
	require.Equal(t, got, head)
	files["m.json"] = out.String()
	_, err = core.ManifestPut(t.Context(), env, core.ManifestPutIn{Ref: "mem:dst:copy", File: "m.json"})
	require.NoError(t, err)
	doc, err := dst.Manifest(t.Context(), "copy")
	require.NoError(t, err)
	require.Equal(t, f.Root, doc)
	_, err = core.ManifestPut(t.Context(), env, core.ManifestPutIn{Ref: "mem:dst@" + digest.FromString("x").String(), File: "m.json"})
	require.Equal(t, errs.Verification, errs.Of(err))

	for text, kind := range map[string]errs.Kind{
		`{}`: errs.Input, `{"schemaVersion":2}`: errs.Input, `[]`: errs.Input, `{"mediaType":"application/x"}`: "", `{"manifests":[]}`: "",
	} {
		files["m.json"] = text
		_, err = core.ManifestPut(t.Context(), env, core.ManifestPutIn{Ref: "mem:dst:odd", File: "m.json"})
		require.Equal(t, kind, errs.Of(err), "%s: %v", text, err)
	}

	b := f.Blobs[1]
	_, err = core.BlobGet(t.Context(), env, core.BlobGetIn{Ref: "mem:src@" + b.Descriptor.Digest.String()})
	require.NoError(t, err)
	require.Equal(t, string(b.Bytes), out.String())
	files["b"] = out.String()
	_, err = core.BlobHead(t.Context(), env, core.BlobHeadIn{Ref: "mem:dst@" + b.Descriptor.Digest.String()})
	require.Equal(t, errs.NotFound, errs.Of(err))
	put, err := core.BlobPut(t.Context(), env, core.BlobPutIn{Ref: "mem:dst", File: "b"})
	require.NoError(t, err)
	require.Equal(t, core.BlobOut{Digest: b.Descriptor.Digest, Size: b.Descriptor.Size}, put)
	there, err := core.BlobHead(t.Context(), env, core.BlobHeadIn{Ref: "mem:dst@" + b.Descriptor.Digest.String()})
	require.NoError(t, err)
	require.Equal(t, put, there)
	for _, err := range []error{
		second(core.BlobPut(t.Context(), env, core.BlobPutIn{Ref: "mem:dst", File: "-"})),
		second(core.BlobGet(t.Context(), env, core.BlobGetIn{Ref: "mem:src:1.0"})),
	} {
		require.Equal(t, errs.Input, errs.Of(err))
	}
}

func second[T any](_ T, err error) error { return err }
