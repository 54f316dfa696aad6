package archive_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/archive"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// pipe is standard output.
type pipe struct {
	bytes.Buffer
	closed, aborted bool
}

func (p *pipe) Close() error { p.closed = true; return nil }

func (p *pipe) Abort(error) { p.aborted = true }

// targets are the ways in which an archive is written: into which directory or pipe, and what of it can be read afterwards.
var targets = map[string]func(t *testing.T) (target *archive.Target, written func() ([]byte, error), late bool){
	"file": func(t *testing.T) (*archive.Target, func() ([]byte, error), bool) {
		dir := t.TempDir()
		t.Cleanup(func() {
			d, err := osfs.OpenRoot(dir)
			require.NoError(t, err)
			defer func() { require.NoError(t, d.Close()) }()
			left, err := d.List(context.Background(), ".")
			require.NoError(t, err)
			for _, e := range left {
				require.True(t, e.Name == "a.tar" || e.Name == ".a.tar.partial" && len(left) == 1, "%s is left beside the archive", e.Name)
			}
		})
		d, err := osfs.OpenRoot(dir)
		require.NoError(t, err)
		target, err := archive.ToFile(t.Context(), d, "a.tar", "x")
		require.NoError(t, err)
		return target, func() ([]byte, error) {
			d, err := osfs.OpenRoot(dir)
			if err != nil {
				return nil, err
			}
			defer func() { _ = d.Close() }()
			return fsys.ReadFile(context.Background(), d, "a.tar", 100<<20)
		}, false
	},
	"pipe": func(t *testing.T) (*archive.Target, func() ([]byte, error), bool) {
		scratch, out := memfs.New(), &pipe{}
		t.Cleanup(func() {
			left, err := scratch.List(context.Background(), ".")
			require.NoError(t, err)
			require.Empty(t, left, "scratch is left clean")
		})
		target := archive.ToStream(scratch, func(context.Context) (io.WriteCloser, error) { return out, nil })
		return target, out.written, false
	},
	"pipe without scratch": func(t *testing.T) (*archive.Target, func() ([]byte, error), bool) {
		out := &pipe{}
		target := archive.ToStream(nil, func(context.Context) (io.WriteCloser, error) { return out, nil })
		return target, out.written, true
	},
}

func (p *pipe) written() ([]byte, error) {
	if !p.closed {
		return nil, errors.New("nothing was written")
	}
	return p.Bytes(), nil
}

func TestWriteOCISuite(t *testing.T) {
	for name, open := range targets {
		t.Run(name, func(t *testing.T) {
			contenttest.Sink(t, func(t *testing.T) contenttest.SinkUnderTest {
				target, written, late := open(t)
				return contenttest.SinkUnderTest{Sink: archive.CreateOCI(target, "x"), Late: late, Source: func() (content.Source, error) {
					b, err := written()
					if err != nil {
						return nil, err
					}
					return archive.OpenOCI(t.Context(), inMemory(t, b), "x", archive.Options{})
				}}
			}, contenttest.NewIndex())
		})
	}
}

func TestWriteDockerSuite(t *testing.T) {
	_, f := dockerImage(t, bytes.Clone, oci.DockerLayer)
	for name, open := range targets {
		t.Run(name, func(t *testing.T) {
			contenttest.Sink(t, func(t *testing.T) contenttest.SinkUnderTest {
				target, written, late := open(t)
				s := archive.CreateDocker(target, "x", nil)
				require.True(t, s.ImagesOnly())
				return contenttest.SinkUnderTest{Sink: s, Late: late, Source: func() (content.Source, error) {
					b, err := written()
					if err != nil {
						return nil, err
					}
					return archive.OpenDocker(t.Context(), inMemory(t, b), "x", archive.Options{})
				}}
			}, f)
		})
	}
}

// compressed is an image whose layers are compressed, and the fixture it was made from.
func compressed(t *testing.T, pack func([]byte) []byte, layerType string) (contenttest.Fixture, contenttest.Fixture) {
	t.Helper()
	f := contenttest.NewImage()
	m, err := f.Root.Manifest()
	require.NoError(t, err)
	g := f
	g.Blobs = append([]contenttest.Content(nil), f.Blobs...)
	for i, l := range f.Blobs[1:] {
		g.Blobs[i+1] = contenttest.NewContent(layerType, pack(l.Bytes))
		m.Layers[i] = g.Blobs[i+1].Descriptor
	}
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	g.Root.Raw = raw
	return f, g
}

func put(t *testing.T, s content.Sink, tag string, f contenttest.Fixture) {
	t.Helper()
	for _, c := range f.Blobs {
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
	}
	for _, c := range f.Children {
		require.NoError(t, s.PutManifest(t.Context(), "", c))
	}
	require.NoError(t, s.PutManifest(t.Context(), tag, f.Root))
}

// entries are names, sizes and contents of a tar, and the checks of its headers.
func entries(t *testing.T, b []byte) (names []string, files map[string]string) {
	t.Helper()
	files = map[string]string{}
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return names, files
		}
		require.NoError(t, err)
		require.Zero(t, h.Uid+h.Gid)
		require.Empty(t, h.Uname+h.Gname)
		require.Zero(t, h.ModTime.Unix())
		require.EqualValues(t, 0o644, h.Mode)
		require.Equal(t, byte(tar.TypeReg), h.Typeflag)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		names, files[h.Name] = append(names, h.Name), string(content)
	}
}

// TestDockerLayersAreDecompressed also writes several images, one under two names, and gives the same bytes each time.
func TestDockerLayersAreDecompressed(t *testing.T) {
	var first []byte
	for packed, pack := range map[string]func([]byte) []byte{
		v1.MediaTypeImageLayerGzip: func(b []byte) []byte { return gzipped(t, b) },
		v1.MediaTypeImageLayerZstd: func(b []byte) []byte { return zstded(t, b) },
		oci.DockerLayerGzip:        bytes.Clone, // what it says it is, it need not be
	} {
		for name, open := range targets {
			t.Run(packed+"/"+name, func(t *testing.T) {
				f, g := compressed(t, pack, packed)
				target, written, _ := open(t)
				s := archive.CreateDocker(target, "x", func() {})
				put(t, s, "alpine:3", g)
				put(t, s, "localhost:5000/x/y", g)
				put(t, s, "docker.io/library/alpine:3", g)
				put(t, s, g.Root.Digest().String(), g)
				require.NoError(t, s.Commit(t.Context()))
				require.NoError(t, s.Close())
				b, err := written()
				require.NoError(t, err)
				names, files := entries(t, b)
				require.Len(t, names, 4)
				require.Equal(t, "manifest.json", names[0])
				config := f.Blobs[0].Descriptor.Digest.Encoded() + ".json"
				require.Equal(t, string(f.Blobs[0].Bytes), files[config])
				var layers []string
				for _, l := range f.Blobs[1:] {
					name := l.Descriptor.Digest.Encoded() + ".tar"
					require.Equal(t, string(l.Bytes), files[name])
					layers = append(layers, `"`+name+`"`)
				}
				require.Equal(t, `[{"Config":"`+config+`","RepoTags":["docker.io/library/alpine:3","localhost:5000/x/y:latest"],"Layers":[`+
					strings.Join(layers, ",")+`]}]`, files["manifest.json"])
				if first == nil {
					first = b
				}
				require.True(t, bytes.Equal(first, b), "the same image, the same bytes")
			})
		}
	}
}

func TestDockerRefuses(t *testing.T) {
	image := contenttest.NewImage()
	m, err := image.Root.Manifest()
	require.NoError(t, err)
	artifact := m
	artifact.Config.MediaType = "application/vnd.example"
	bare := m
	bare.Config.Digest = ""
	for name, c := range map[string]struct {
		tag  string
		doc  oci.Document
		kind errs.Kind
	}{
		"an index":        {"", contenttest.NewIndex().Root, errs.Unsupported},
		"an artifact":     {"", marshal(t, artifact), errs.Unsupported},
		"no config":       {"", marshal(t, bare), errs.Input},
		"no name":         {"../../x", image.Root, errs.Input},
		"a position":      {"@0", image.Root, errs.Input},
		"upper case":      {"Alpine:3", image.Root, errs.Input},
		"another scheme":  {"oci:x", image.Root, ""}, // a repository called oci
		"name and digest": {"alpine@" + image.Root.Digest().String(), image.Root, errs.Input},
	} {
		t.Run(name, func(t *testing.T) {
			s := archive.CreateDocker(archive.ToStream(nil, nil), "x", nil)
			err := s.PutManifest(t.Context(), c.tag, c.doc)
			require.Equal(t, c.kind, errs.Of(err), "%v", err)
			require.NoError(t, s.Close())
		})
	}
	other := m
	other.Layers = []v1.Descriptor{m.Layers[1], m.Layers[0]}
	foreign := m
	foreign.Layers = append([]v1.Descriptor{{MediaType: oci.DockerForeignLayer, Digest: image.Root.Digest(), Size: 3}}, m.Layers[1:]...)
	short := m
	short.Layers = m.Layers[:1]
	nameless := contenttest.NewContent(oci.DockerConfig, []byte(`{"rootfs":{"type":"layers","diff_ids":["x","y"]}}`))
	image.Blobs = append(image.Blobs, nameless)
	names := m
	names.Config = nameless.Descriptor
	for name, c := range map[string]struct {
		m    v1.Manifest
		kind errs.Kind
		says string
	}{
		"layers in another order": {other, errs.Verification, "its config says"},
		"a layer is missing":      {short, errs.Verification, "has 2 diff IDs for 1 layers"},
		"a foreign layer":         {foreign, errs.Unsupported, "is a foreign layer"},
		"diff IDs are no digests": {names, errs.Verification, "its config says x"},
	} {
		for at, open := range targets {
			t.Run(name+"/"+at, func(t *testing.T) {
				target, written, _ := open(t)
				s := archive.CreateDocker(target, "x", nil)
				g := image
				g.Root = marshal(t, c.m)
				put(t, s, "", g)
				err := s.Commit(t.Context())
				require.Equal(t, c.kind, errs.Of(err), "%v", err)
				require.ErrorContains(t, err, c.says)
				require.NoError(t, s.Close())
				_, err = written()
				require.Error(t, err)
			})
		}
	}
}

func marshal(t *testing.T, m v1.Manifest) oci.Document {
	t.Helper()
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	return oci.Document{MediaType: m.MediaType, Raw: raw}
}

// TestOCIIsDeterministic puts blobs in other orders and gets the same bytes, in a file and in a pipe.
func TestOCIIsDeterministic(t *testing.T) {
	f := contenttest.NewIndex()
	var first []byte
	for name, open := range targets {
		for _, backwards := range []bool{false, true} {
			g := f
			if backwards {
				g.Blobs = nil
				for _, c := range f.Blobs {
					g.Blobs = append([]contenttest.Content{c}, g.Blobs...)
				}
			}
			target, written, _ := open(t)
			s := archive.CreateOCI(target, "x")
			put(t, s, "v1", g)
			require.NoError(t, s.Commit(t.Context()))
			require.NoError(t, s.Close())
			b, err := written()
			require.NoError(t, err)
			names, _ := entries(t, b)
			require.Equal(t, []string{"oci-layout", "index.json"}, names[:2])
			if first == nil {
				first = b
			}
			require.True(t, bytes.Equal(first, b), name)
		}
	}
}

// TestBrokenOff goes on with what an earlier copy to the same file left, and replaces the archive that was there at the end only.
func TestBrokenOff(t *testing.T) {
	f := contenttest.NewImage()
	for name, create := range map[string]func(*archive.Target) content.Sink{
		"oci":    func(t *archive.Target) content.Sink { return archive.CreateOCI(t, "x") },
		"docker": func(t *archive.Target) content.Sink { return archive.CreateDocker(t, "x", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			m := memfs.From(map[string][]byte{"a.tar": []byte("older")})
			open := func(d fsys.WritableDir) content.Sink {
				target, err := archive.ToFile(t.Context(), d, "a.tar", "x")
				require.NoError(t, err)
				return create(target)
			}
			s := open(m)
			_, err := archive.ToFile(t.Context(), m, "a.tar", "x")
			require.Equal(t, errs.Denied, errs.Of(err), "%v", err)
			how, err := s.PutBlob(t.Context(), f.Blobs[2].Blob())
			require.NoError(t, err)
			require.Equal(t, content.Stored, how)
			require.NoError(t, s.Close())
			s = open(m)
			how, err = s.PutBlob(t.Context(), f.Blobs[2].Blob())
			require.NoError(t, err)
			require.Equal(t, content.Existed, how, "it was kept")
			require.NoError(t, s.Close())
			b, err := fsys.ReadFile(t.Context(), m, "a.tar", 100)
			require.NoError(t, err)
			require.Equal(t, "older", string(b))

			for n := int64(1); ; n++ {
				faults := &fsystest.Faults{At: n, Err: errors.New("the power failed"), Stop: true}
				target, err := archive.ToFile(t.Context(), faults.Dir(m), "a.tar", "x")
				if err == nil {
					s = create(target)
					err = tryPut(t, s, f)
					err = errors.Join(err, s.Close())
				}
				if !faults.Happened() {
					require.NoError(t, err)
					break
				}
				b, err := fsys.ReadFile(t.Context(), m, "a.tar", 100<<20)
				require.NoError(t, err)
				if string(b) != "older" {
					names, _ := entries(t, b)
					require.GreaterOrEqual(t, len(names), 4, "operation %d", n)
				}
			}
			left, err := m.List(t.Context(), ".")
			require.NoError(t, err)
			require.Len(t, left, 1)
		})
	}
}

func tryPut(t *testing.T, s content.Sink, f contenttest.Fixture) error {
	for _, c := range f.Blobs {
		if _, err := s.PutBlob(t.Context(), c.Blob()); err != nil {
			return err
		}
	}
	if err := s.PutManifest(t.Context(), "alpine:3", f.Root); err != nil {
		return err
	}
	return s.Commit(t.Context())
}

// TestPipeBreaks tells an output that what it has is not whole.
func TestPipeBreaks(t *testing.T) {
	f := contenttest.NewImage()
	out := &pipe{}
	s := archive.CreateOCI(archive.ToStream(nil, func(context.Context) (io.WriteCloser, error) { return out, nil }), "x")
	bad := f.Blobs[1]
	bad.Bytes = bytes.Repeat([]byte("x"), len(bad.Bytes))
	_, err := s.PutBlob(t.Context(), bad.Blob())
	require.NoError(t, err)
	require.Equal(t, errs.Verification, errs.Of(s.Commit(t.Context())))
	require.NoError(t, s.Close())
	require.True(t, out.aborted)
	require.False(t, out.closed)
}

// TestFilesAreReadWhereTheyLie: what is in a file already is verified and written, and does not wait in a second one.
func TestFilesAreReadWhereTheyLie(t *testing.T) {
	f := contenttest.NewImage()
	open := func(c contenttest.Content) content.Blob {
		m := memfs.From(map[string][]byte{"x": c.Bytes})
		return fsys.Blob{D: c.Descriptor, Find: func(ctx context.Context, _ v1.Descriptor) (fsys.File, error) { return m.Open(ctx, "x") }}
	}
	bad := f.Blobs[2]
	bad.Bytes = bytes.Clone(bad.Bytes)
	bad.Bytes[7] ^= 1
	for name, create := range map[string]func(*archive.Target) content.Sink{
		"oci":    func(t *archive.Target) content.Sink { return archive.CreateOCI(t, "x") },
		"docker": func(t *archive.Target) content.Sink { return archive.CreateDocker(t, "x", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			scratch, out := memfs.New(), &pipe{}
			s := create(archive.ToStream(scratch, func(context.Context) (io.WriteCloser, error) { return out, nil }))
			_, err := s.PutBlob(t.Context(), open(bad))
			require.Equal(t, errs.Verification, errs.Of(err), "%v", err)
			for range 2 {
				for _, c := range f.Blobs {
					_, err := s.PutBlob(t.Context(), open(c))
					require.NoError(t, err)
				}
			}
			left, err := scratch.List(t.Context(), ".")
			require.NoError(t, err)
			require.Empty(t, left)
			require.NoError(t, s.PutManifest(t.Context(), "", f.Root))
			require.NoError(t, s.Commit(t.Context()))
			require.NoError(t, s.Close())
			_, files := entries(t, out.Bytes())
			require.GreaterOrEqual(t, len(files), 4)
		})
	}
}
