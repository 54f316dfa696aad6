package archive_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/archive"
)

// FuzzArchive reads hostile archives as both formats: no panic, and every error has a kind that tells it apart from a
// fault of ours.
func FuzzArchive(f *testing.F) {
	oci1 := pack(f, ociFiles(f, contenttest.NewIndex()), "")
	docker, _ := dockerImage(f, bytes.Clone, oci.DockerLayer)
	for _, b := range [][]byte{
		nil, oci1[:4096], pack(f, docker, "")[:8192], gzipped(f, oci1[:20480]),
		pack(f, map[string][]byte{"manifest.json": []byte(`[{"Config":"c","Layers":["l","l"]}]`), "c": []byte("{}"), "l": []byte("-> c")}, ""),
		pack(f, map[string][]byte{"manifest.json": []byte(`[{"Config":"../c","Layers":["../../l"]}]`)}, ""),
		pack(f, map[string][]byte{"repositories": []byte(`{"a":{"b":"1"}}`), "1/json": []byte(`{"id":"1","parent":"2"}`), "2/json": []byte(`{"parent":"1"}`)}, ""),
		pack(f, map[string][]byte{"repositories": []byte(`{"a":{"b":"1"}}`), "1/json": []byte(`{"os":"linux"}`), "1/layer.tar": []byte("x")}, "./"),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { openBoth(t, b) })
}

// FuzzDockerArchive is FuzzArchive behind the headers: well-formed archives with hostile lists, configs and links.
func FuzzDockerArchive(f *testing.F) {
	f.Add("manifest.json", []byte(`[{"Config":"c","RepoTags":["a:b"],"Layers":["l","k"]}]`), []byte(`{"rootfs":{"diff_ids":["sha256:x","y"]}}`), "l")
	f.Add("manifest.json", []byte(`[{"Config":"blobs/sha256/c","Layers":["../l","/k","k/"]}]`), []byte(`{}`), "../../k")
	f.Add("manifest.json", []byte(`[null,{"Config":"c"}]`), []byte(`null`), ".")
	f.Add("repositories", []byte(`{"a":{"b":"c"}}`), []byte(`{"id":"c","parent":"c"}`), "k")
	f.Add("repositories", []byte(`{"a":{"b":"x"}}`), []byte(`{"os":"linux","container_config":{"Cmd":["x"]}}`), "k")
	f.Add("index.json", []byte(`{"manifests":[{"digest":"sha256:../c","size":1}]}`), []byte(`{}`), "")
	f.Fuzz(func(t *testing.T, name string, list, config []byte, link string) {
		if strings.ContainsRune(name+link, 0) || name == "" || link == "" || strings.HasSuffix(name, "/") {
			return // no such header can be written
		}
		openBoth(t, pack(t, map[string][]byte{
			name: list, "c": config, "c/json": config, "x/json": config, "x/layer.tar": config, "blobs/sha256/c": config, "k": config, "l": []byte("-> " + link),
		}, ""))
	})
}

func openBoth(t *testing.T, b []byte) {
	docker, err := archive.OpenDocker(t.Context(), inMemory(t, b), "x", archive.Options{})
	check(t, docker, err)
	layout, err := archive.OpenOCI(t.Context(), inMemory(t, b), "x", archive.Options{})
	check(t, layout, err)
}

func check(t *testing.T, s content.Source, err error) {
	if err == nil {
		err = readAll(t, s)
	}
	if err != nil && errs.Of(err) == errs.Internal {
		t.Error(err)
	}
}

// readAll reads the manifest and all that it names.
func readAll(t *testing.T, s content.Source) error {
	doc, err := s.Manifest(t.Context(), "")
	if err != nil || doc.IsIndex() {
		return err
	}
	m, err := doc.Manifest()
	if err != nil {
		return err
	}
	for _, d := range append(m.Layers, m.Config) {
		r, err := s.Blob(d).Open(t.Context())
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return s.Close()
}
