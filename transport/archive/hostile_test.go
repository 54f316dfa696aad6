package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/archive"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

// counted is a file that counts the bytes read from it.
type counted struct {
	fsys.File
	n int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.File.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

func openDocker(t *testing.T, b []byte) (*archive.Docker, *counted, error) {
	t.Helper()
	f := &counted{File: inMemory(t, b)}
	s, err := archive.OpenDocker(t.Context(), f, "docker-archive:x", archive.Options{})
	if err == nil {
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	return s, f, err
}

func listOf(t *testing.T, images ...map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(images)
	require.NoError(t, err)
	return b
}

// TestOneLayerUnderManyNamesIsReadOnce: the work grows with the archive, not with how often a list names its entries.
func TestOneLayerUnderManyNamesIsReadOnce(t *testing.T) {
	const size, times = 1 << 20, 1000
	files := map[string][]byte{"c": []byte("{}"), "l": make([]byte, size)}
	var names []string
	for i := range times {
		name := fmt.Sprintf("link%d", i)
		names, files[name] = append(names, name), []byte("-> l")
	}
	one := map[string]any{"Config": "c", "Layers": names}
	images := make([]map[string]any, 0, 50)
	for range 50 {
		images = append(images, one)
	}
	files["manifest.json"] = listOf(t, images...)
	s, f, err := openDocker(t, pack(t, files, ""))
	require.NoError(t, err)
	_, err = s.Manifest(t.Context(), digest.FromString("nowhere").String())
	require.Equal(t, errs.NotFound, errs.Of(err), "%v", err)
	require.Less(t, f.n, int64(4*size))
}

func TestTooManyLayers(t *testing.T) {
	names := strings.Split(strings.Repeat("l,", 1024)+"l", ",")
	s, _, err := openDocker(t, pack(t, map[string][]byte{"c": []byte("{}"), "l": nil, "manifest.json": listOf(t, map[string]any{"Config": "c", "Layers": names})}, ""))
	require.NoError(t, err)
	_, err = s.Manifest(t.Context(), "")
	require.Equal(t, errs.Input, errs.Of(err))
	require.EqualError(t, err, "docker-archive:x: manifest.json: has an image of 1025 layers, more than 1024")
}

// TestChainsOfTheFirstFormat: images that share a long chain of parents cost neither the time nor the memory of copies.
func TestChainsOfTheFirstFormat(t *testing.T) {
	chain := func(n int) map[string][]byte {
		files, tags := map[string][]byte{}, map[string]string{}
		for i := range n {
			files[fmt.Sprintf("%d/json", i)] = fmt.Appendf(nil, `{"parent":"%d","comment":%q}`, i-1, strings.Repeat("x", 1000))
			files[fmt.Sprintf("%d/layer.tar", i)] = []byte("x")
			tags[fmt.Sprintf("t%d", i)] = fmt.Sprint(i)
		}
		files["0/json"] = []byte(`{"os":"linux"}`)
		b, err := json.Marshal(map[string]any{"app": tags})
		require.NoError(t, err)
		files["repositories"] = b
		return files
	}
	b := pack(t, chain(1000), "")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, _, err := openDocker(t, b)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	_, err = s.Manifest(t.Context(), "app:t255")
	require.NoError(t, err)
	_, err = s.Manifest(t.Context(), "app:t256")
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "more than 256 parents")

	_, _, err = openDocker(t, pack(t, chain(1100), ""))
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "docker-archive:x: repositories: lists 1100 images")

	for name, c := range map[string]struct{ json, says string }{
		"a circle":  {`{"parent":"1"}`, "more than 256 parents"},
		"null":      {`null`, "1/json: is null"},
		"a list":    {`[]`, "1/json"},
		"no parent": {`{"parent":"2"}`, "2/json"},
		"upwards":   {`{"parent":"../../etc"}`, "../../etc/json"},
	} {
		s, _, err := openDocker(t, pack(t, map[string][]byte{"repositories": []byte(`{"a":{"b":"1"}}`), "1/json": []byte(c.json), "1/layer.tar": nil}, ""))
		require.NoError(t, err, name)
		_, err = s.Manifest(t.Context(), "")
		require.Equal(t, errs.Input, errs.Of(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "docker-archive:x: ", name)
		require.ErrorContains(t, err, c.says, name)
	}
}

// TestFlippedBits: whichever bit of an archive is wrong, what is read is right or an error says that it is not. The docker
// archive is as version 25 writes it, since before that nothing vouches for a config.
func TestFlippedBits(t *testing.T) {
	files, f := dockerImage(t, bytes.Clone, oci.DockerLayer)
	config := f.Blobs[0].Descriptor.Digest.Encoded()
	files["blobs/sha256/"+config] = files[config+".json"]
	delete(files, config+".json")
	files["manifest.json"] = bytes.ReplaceAll(files["manifest.json"], []byte(config+".json"), []byte("blobs/sha256/"+config))
	for name, c := range map[string]struct {
		b    []byte
		read func(b []byte) (content.Source, error)
	}{
		"docker-archive": {pack(t, files, ""), func(b []byte) (content.Source, error) {
			s, err := archive.OpenDocker(t.Context(), inMemory(t, b), "x", archive.Options{})
			if err != nil {
				return nil, err
			}
			return s, nil
		}},
		"oci-archive": {pack(t, ociFiles(t, f), ""), func(b []byte) (content.Source, error) {
			s, err := archive.OpenOCI(t.Context(), inMemory(t, b), "x", archive.Options{})
			if err != nil {
				return nil, err
			}
			return s, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			whole, err := everything(t, c.read, c.b)
			require.NoError(t, err)
			kinds := map[errs.Kind]int{}
			for i := 0; i < len(c.b); i += len(c.b)/1000 | 1 {
				flipped := bytes.Clone(c.b)
				flipped[i] ^= 1 << (i % 8)
				got, err := everything(t, c.read, flipped)
				if err == nil {
					require.Equal(t, whole, got, "byte %d", i)
				}
				kinds[errs.Of(err)]++
			}
			require.Subset(t, []errs.Kind{"", errs.Input, errs.Verification, errs.NotFound, errs.Unsupported}, keys(kinds), "%v", kinds)
			require.Positive(t, kinds[errs.Verification])
			t.Log(kinds)
		})
	}
}

func keys(m map[errs.Kind]int) (out []errs.Kind) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// everything reads the image that is there.
func everything(t *testing.T, open func([]byte) (content.Source, error), b []byte) (string, error) {
	s, err := open(b)
	if err != nil {
		return "", err
	}
	doc, err := s.Manifest(t.Context(), "")
	if err != nil {
		return "", err
	}
	m, err := doc.Manifest()
	if err != nil {
		return "", err
	}
	out := string(doc.Raw)
	for _, d := range append(m.Layers, m.Config) {
		r, err := s.Blob(d).Open(t.Context())
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return "", err
		}
		out += string(b)
	}
	return out, nil
}

// small is scratch space that takes no more than so many bytes.
type small struct {
	fsys.WritableDir
	left *int64
}

func (s small) Append(context.Context, string) (fsys.Writer, error) { return smallFile{s.left}, nil }

type smallFile struct{ left *int64 }

func (s smallFile) Write(p []byte) (int, error) {
	if *s.left -= int64(len(p)); *s.left < 0 {
		return 0, fmt.Errorf("the disk is full")
	}
	return len(p), nil
}
func (s smallFile) Size() int64                      { return 0 }
func (s smallFile) Sync() error                      { return nil }
func (s smallFile) Close() error                     { return nil }
func (s small) Remove(context.Context, string) error { return nil }

// TestABombIsNotUnpacked: a few bytes of zstd do not fill the scratch space.
func TestABombIsNotUnpacked(t *testing.T) {
	b := []byte("\x28\xb5\x2f\xfd\x00\x38")
	for range 40_000 { // 128 KiB each (RFC 8878 section 3.1.1.2.2, RLE_Block)
		b = append(b, 0x02, 0x00, 0x10, 0)
	}
	left := int64(5) << 30
	_, err := archive.OpenDocker(t.Context(), inMemory(t, b), "docker-archive:x", archive.Options{Scratch: fsys.Fixed(small{memfs.New(), &left})})
	require.Equal(t, errs.Input, errs.Of(err), "%v", err)
	require.ErrorContains(t, err, "docker-archive:x: expands to more than 1 GiB, over 200 times what is stored")
	require.Contains(t, errs.HintOf(err), "decompress it first")
	require.Greater(t, left, int64(3)<<30)
}
