package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// layoutOf is a layout folder with a tag: a real image where make images has built it, else one that is generated once.
func (e *env) layoutOf(real, tag string, megabytes int) (dir, ref string, err error) {
	dir = filepath.Join(os.Getenv("STEVEDORE_IMAGES"), real)
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		return dir, tag, nil
	}
	fmt.Fprintf(os.Stderr, "bench: %s is not there (make images): a generated one takes its place\n", real)
	dir, err = e.generated(megabytes)
	return dir, "latest", err
}

// generated is a layout folder of that size with the tag latest, which is made once.
func (e *env) generated(megabytes int) (string, error) {
	dir := filepath.Join(e.root, ".cache", fmt.Sprintf("bench-%d", megabytes))
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		return dir, nil
	}
	fmt.Fprintf(os.Stderr, "bench: generating an image of %d MB\n", megabytes)
	return dir, generate(dir, megabytes)
}

const layers = 7

// generate writes a layout of seven layers with about so many megabytes when compressed: half of each is noise, half is text, in
// files of 1 to 256 kB.
func generate(dir string, megabytes int) error {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	cfg := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, RootFS: v1.RootFS{Type: "layers"}}
	for i := range layers {
		d, diff, err := generateLayer(blobs, i, int64(megabytes)*1_000_000/layers)
		if err != nil {
			return err
		}
		m.Layers, cfg.RootFS.DiffIDs = append(m.Layers, d), append(cfg.RootFS.DiffIDs, diff)
	}
	config, err := put(blobs, v1.MediaTypeImageConfig, cfg)
	if err != nil {
		return err
	}
	m.Config = config
	root, err := put(blobs, v1.MediaTypeImageManifest, m)
	if err != nil {
		return err
	}
	root.Annotations = map[string]string{v1.AnnotationRefName: "latest"}
	index, err := json.Marshal(v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []v1.Descriptor{root}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644)
}

func put(blobs, mediaType string, v any) (v1.Descriptor, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
	return d, os.WriteFile(filepath.Join(blobs, d.Digest.Encoded()), b, 0o644)
}

func generateLayer(blobs string, n int, size int64) (v1.Descriptor, digest.Digest, error) {
	f, err := os.CreateTemp(blobs, "layer-*")
	if err != nil {
		return v1.Descriptor{}, "", err
	}
	defer f.Close()
	sum, diff := sha256.New(), sha256.New()
	z, err := gzip.NewWriterLevel(io.MultiWriter(f, sum), gzip.BestSpeed)
	if err != nil {
		return v1.Descriptor{}, "", err
	}
	t := tar.NewWriter(io.MultiWriter(z, diff))
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i, written := 0, int64(0); written < size; i++ {
		b := content(r, i)
		h := &tar.Header{Name: fmt.Sprintf("srv/%d/%03d/file-%06d", n, i%200, i), Mode: 0o644, Size: int64(len(b))}
		if err := t.WriteHeader(h); err != nil {
			return v1.Descriptor{}, "", err
		}
		if _, err := t.Write(b); err != nil {
			return v1.Descriptor{}, "", err
		}
		if i%2 == 0 { // text all but disappears
			written += int64(len(b))
		}
	}
	if err := t.Close(); err != nil {
		return v1.Descriptor{}, "", err
	}
	if err := z.Close(); err != nil {
		return v1.Descriptor{}, "", err
	}
	at, err := f.Seek(0, io.SeekCurrent)
	d := v1.Descriptor{MediaType: v1.MediaTypeImageLayerGzip, Digest: digest.NewDigest(digest.SHA256, sum), Size: at}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(blobs, d.Digest.Encoded()))
	}
	return d, digest.NewDigest(digest.SHA256, diff), err
}

func content(r *rand.Rand, i int) []byte {
	b := make([]byte, 1000+r.IntN(255_000))
	if i%2 == 0 {
		for at := 0; at+8 <= len(b); at += 8 {
			v := r.Uint64()
			for k := range 8 {
				b[at+k] = byte(v >> (8 * k))
			}
		}
		return b
	}
	line := []byte(fmt.Sprintf("line of file %d: the quick brown fox jumps over the lazy dog\n", i))
	for at := range b {
		b[at] = line[at%len(line)]
	}
	return b
}

// registry serves a layout on the loopback, in this process, and returns host:port.
func (e *env) registry(ctx context.Context, dir string) (string, error) {
	d, err := osfs.Host{}.OpenDir(ctx, dir)
	if err != nil {
		return "", err
	}
	src, err := layout.Open(ctx, d, "oci:"+dir)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: nethttp.Handler(serve.New(serve.Options{Source: src}))}
	go func() { _ = srv.Serve(l) }()
	e.closes = append(e.closes, func() { _ = srv.Close(); _ = src.Close() })
	return l.Addr().String(), nil
}
