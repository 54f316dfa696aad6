package archive

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// DockerSink writes what docker load and podman load read, a [content.Sink] for single images
// (https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md#combined-image-json--filesystem-changeset-format):
// manifest.json, configs as <hex>.json, layers decompressed as <hex of the diff ID>.tar. Manifests are not kept, so the image
// has another digest when it is read again; its config, and with it the image ID, stay. Several images can be put.
type DockerSink struct {
	target  *Target
	subject string
	blobs   *waiting // what is no layer, and every blob where there is no spool
	layers  layers

	mu     sync.Mutex
	images []image
	done   bool
}

// image is one that was put: it becomes an element of manifest.json.
type image struct {
	manifest v1.Manifest
	tag      string // in full, as docker.io/library/alpine:3; "" for none
}

// CreateDocker starts an archive. It owns t: Close closes it. subject is what errors name; yield is called at least once per
// 64 KiB of decompressed content, nil natively.
func CreateDocker(t *Target, subject string, yield func()) *DockerSink {
	s := &DockerSink{target: t, subject: subject, blobs: newWaiting(t.spool)}
	s.layers = layers{spool: t.spool, yield: yield, plain: map[digest.Digest]plain{}}
	return s
}

// ImagesOnly implements [content.ImagesOnly]: the format has no index.
func (s *DockerSink) ImagesOnly() bool { return true }

// PutBlob keeps a blob for the archive, layers as they are when decompressed. Without a spool that does not read it yet, and
// Commit says what is wrong with it.
func (s *DockerSink) PutBlob(ctx context.Context, b content.Blob) (content.How, error) {
	put := s.blobs.put
	if s.target.spool != nil && oci.IsLayer(b.Descriptor().MediaType) {
		put = s.layers.put
	}
	how, err := put(ctx, b)
	return how, errs.Wrap(s.subject, err)
}

// PutManifest puts an image. ref is its name in the archive, name[:tag] in Docker's short or full form, or "" or a digest for
// none. Kinds: unsupported for an index and for what is no container image, input for a ref that is no name.
func (s *DockerSink) PutManifest(_ context.Context, ref string, doc oci.Document) error {
	img, err := newImage(ref, doc)
	if err != nil {
		return errs.Wrap(s.subject, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.images = append(s.images, img)
	return nil
}

func newImage(name string, doc oci.Document) (img image, err error) {
	if doc.IsIndex() {
		return img, errs.New(errs.Unsupported, "", "a docker archive holds no index").
			Hinted("choose one of its images (--platform os/arch), or write all of them with oci-archive:")
	}
	if img.manifest, err = doc.Manifest(); err != nil {
		return img, err
	}
	if !oci.IsImageConfig(img.manifest.Config.MediaType) {
		return img, errs.New(errs.Unsupported, "", "a docker archive holds container images, and this is %q", img.manifest.Config.MediaType).
			Hinted("write it with oci-archive:")
	}
	if err := oci.CheckDescriptor(img.manifest.Config); err != nil { // which Manifest lets an artifact go without
		return img, errs.Wrap("config", err)
	}
	img.tag, err = fullName(name)
	return img, err
}

// fullName is the name of an image as Docker understands it, with everything that it may leave out: the form that skopeo and
// podman write, and that no tool reads as another image.
func fullName(name string) (string, error) {
	if name == "" || oci.CheckDigest(name) == nil {
		return "", nil
	}
	r, err := ref.Parse(ref.Docker + "://" + name)
	if err != nil || r.Tag == "" {
		return "", errs.New(errs.Input, "", "%q is no name of an image in a docker archive", name).Hinted("for example docker-archive:FILE:alpine:3.20")
	}
	host := r.Host
	if host == ref.HubHost {
		host = ref.HubName
	}
	return host + "/" + r.Repository + ":" + r.Tag, nil
}

// Commit writes the archive, in place of the one that was there. Kind verification when the layers are not what a config says.
func (s *DockerSink) Commit(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.commit(ctx); err != nil {
		return fsys.Kinded(s.subject, err)
	}
	s.done = true
	return nil
}

func (s *DockerSink) commit(ctx context.Context) error {
	entries := map[string]entry{}
	var list []saved
	for _, img := range s.images {
		one, err := s.save(ctx, img.manifest, entries)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(o saved) bool { return o.Config == one.Config })
		if i < 0 {
			i, list = len(list), append(list, one)
		}
		if img.tag != "" && !slices.Contains(list[i].RepoTags, img.tag) {
			list[i].RepoTags = append(list[i].RepoTags, img.tag)
		}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	entries[manifestFile] = bytesEntry(b)
	return s.target.pack(ctx, entries, manifestFile)
}

// save adds config and layers of an image to the entries.
func (s *DockerSink) save(ctx context.Context, m v1.Manifest, entries map[string]entry) (saved, error) {
	img := saved{Config: m.Config.Digest.Encoded() + ".json", RepoTags: []string{}, Layers: []string{}}
	raw, err := s.config(ctx, m.Config)
	if err != nil {
		return img, err
	}
	var config v1.Image
	if err := oci.Unmarshal(raw, &config); err != nil {
		return img, errs.New(errs.Input, m.Config.Digest.String(), "is not an image config: %v", err)
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return img, errs.New(errs.Verification, m.Config.Digest.String(), "has %d diff IDs for %d layers", len(config.RootFS.DiffIDs), len(m.Layers))
	}
	entries[img.Config] = bytesEntry(raw)
	for i, d := range m.Layers {
		p, err := s.layer(ctx, d)
		if err != nil {
			return img, err
		}
		if want := config.RootFS.DiffIDs[i]; want != p.diffID && (want.Validate() != nil || want.Algorithm() == digest.Canonical) {
			return img, errs.New(errs.Verification, d.Digest.String(), "is decompressed %s, its config says %s", p.diffID, want)
		}
		name := p.diffID.Encoded() + ".tar"
		img.Layers = append(img.Layers, name)
		entries[name] = p.entry
	}
	return img, nil
}

func (s *DockerSink) config(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	b, ok := s.blobs.get(d.Digest)
	if !ok {
		return nil, notPut(d)
	}
	r, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return oci.ReadLimited(r, oci.MaxConfig, d.Digest.String())
}

// layer is a layer that was decompressed, or is now to find out how large that makes it.
func (s *DockerSink) layer(ctx context.Context, d v1.Descriptor) (plain, error) {
	if p, ok := s.layers.get(d.Digest); ok {
		return p, nil
	}
	b, ok := s.blobs.get(d.Digest)
	if !ok {
		return plain{}, notPut(d)
	}
	p, err := s.layers.measured(ctx, b)
	if err != nil {
		return p, err
	}
	s.layers.set(d.Digest, p)
	return p, nil
}

func notPut(d v1.Descriptor) error {
	if oci.IsForeign(d.MediaType) {
		return errs.New(errs.Unsupported, d.Digest.String(), "is a foreign layer, without which a docker archive cannot be")
	}
	return errs.New(errs.NotFound, d.Digest.String(), "is part of the image and was not given")
}

// Close drops what was not committed, but for layers that wait beside a file.
func (s *DockerSink) Close() error { return s.target.close(s.done) }

var (
	_ content.Sink       = (*DockerSink)(nil)
	_ content.ImagesOnly = (*DockerSink)(nil)
)
