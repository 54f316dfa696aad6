package archive_test

import (
	"bytes"
	"io"
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
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(s content.Source, err error) {
			if err == nil {
				err = readAll(t, s)
			}
			if err != nil && errs.Of(err) == errs.Internal {
				t.Error(err)
			}
		}
		if s, err := archive.OpenDocker(t.Context(), inMemory(t, b), "x", archive.Options{}); err != nil {
			check(nil, err)
		} else {
			check(s, nil)
		}
		if s, err := archive.OpenOCI(t.Context(), inMemory(t, b), "x", archive.Options{}); err != nil {
			check(nil, err)
		} else {
			check(s, nil)
		}
	})
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
