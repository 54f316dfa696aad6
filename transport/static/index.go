package static

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// index writes the documents that a registry makes when it is asked, after what they list.
func (s *Sink) index(ctx context.Context, puts []layout.Listed) error {
	for _, p := range puts {
		if err := s.refer(ctx, p); err != nil {
			return err
		}
	}
	tags, err := listTags(ctx, s.Dir, s.name)
	if err != nil {
		return err
	}
	names, err := repositories(ctx, s.Dir)
	if err != nil {
		return err
	}
	for _, doc := range []struct {
		name string
		v    any
	}{
		{path.Join(top, s.name, tagsList), struct {
			Name string   `json:"name"`
			Tags []string `json:"tags"`
		}{s.name, append([]string{}, tags...)}},
		{catalog, struct {
			Repositories []string `json:"repositories"`
		}{names}},
		{ping, struct{}{}},
	} {
		if err := s.write(ctx, doc.name, doc.v); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sink) write(ctx context.Context, name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return store.Replace(ctx, s.Dir, name, raw)
}

// refer lists a manifest among those that refer to its subject.
func (s *Sink) refer(ctx context.Context, p layout.Listed) error {
	subject, ok := p.Document.Subject()
	if !ok {
		return nil
	}
	d, ok := p.Document.Referrer(subject.Digest)
	if !ok {
		return nil
	}
	d.Digest = p.Descriptor.Digest
	list, err := readReferrers(ctx, s.Dir, s.name, subject.Digest)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Manifests, func(o v1.Descriptor) bool { return o.Digest == d.Digest })
	if i >= 0 {
		return nil
	}
	list.Manifests = append(list.Manifests, d)
	return s.write(ctx, path.Join(top, s.name, referrers, subject.Digest.String()), list)
}

// readReferrers reads the list of what refers to a manifest, which is empty where there is no file.
func readReferrers(ctx context.Context, dir fsys.Dir, name string, subject digest.Digest) (v1.Index, error) {
	list := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{}}
	if err := oci.CheckDigest(subject.String()); err != nil {
		return list, err
	}
	file := path.Join(top, name, referrers, subject.String())
	raw, err := fsys.ReadFile(ctx, dir, file, oci.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return list, err
	}
	doc, err := oci.NewDocument(raw, v1.MediaTypeImageIndex, file)
	if err != nil {
		return list, err
	}
	list, err = doc.Index()
	return list, errs.Wrap(file, err)
}
