package archive

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Bounds on the first format: layers of an image, of which Docker allowed 127, and images of an archive. Images share layers,
// so the work is the product of the two.
const (
	maxChain = 256
	maxTops  = 1024
)

// v1Layer is <id>/json of the format that docker save wrote before Docker 1.10
// (https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.md): every layer is an image with a parent.
type v1Layer struct {
	id              string     // of its folder
	Parent          string     `json:"parent"`
	Created         *time.Time `json:"created"`
	Author          string     `json:"author"`
	Comment         string     `json:"comment"`
	ContainerConfig struct {
		Cmd []string
	} `json:"container_config"`
}

// listV1 reads repositories, a map of name to tag to the id of the top layer. Images are in the order of their names.
func listV1(ctx context.Context, d *Dir) ([]saved, error) {
	var repositories map[string]map[string]string
	if err := readJSON(ctx, d, repositoriesFile, &repositories); err != nil {
		return nil, err
	}
	byID := map[string]int{}
	var images []saved
	for _, name := range slices.Sorted(maps.Keys(repositories)) {
		for _, tag := range slices.Sorted(maps.Keys(repositories[name])) {
			id := repositories[name][tag]
			if id == "" {
				return nil, errs.New(errs.Input, repositoriesFile, "has a tag without an image")
			}
			i, ok := byID[id]
			if !ok {
				i, byID[id] = len(images), len(images)
				images = append(images, saved{top: id})
			}
			images[i].RepoTags = append(images[i].RepoTags, name+":"+tag)
		}
	}
	switch {
	case len(images) == 0:
		return nil, errs.New(errs.Input, repositoriesFile, "lists no image")
	case len(images) > maxTops:
		return nil, errs.New(errs.Input, repositoriesFile, "lists %d images, more than %d", len(images), maxTops)
	}
	return images, nil
}

// chain follows the parents of the top layer, and returns the lowest first.
func (s *Docker) chain(ctx context.Context, id string) ([]v1Layer, error) {
	var out []v1Layer
	for id != "" {
		if len(out) == maxChain {
			return nil, errs.New(errs.Input, id, "has more than %d parents", maxChain)
		}
		l := v1Layer{id: id}
		if err := readJSON(ctx, s.dir, id+"/json", &l); err != nil {
			return nil, err
		}
		out = append(out, l)
		id = l.Parent
	}
	slices.Reverse(out)
	return out, nil
}

// configV1 makes a config as Docker 1.10 did when it migrated: the top layer's JSON without what described the layer,
// with history and diff IDs. The keys are sorted, so the same archive always gives the same digest.
func (s *Docker) configV1(ctx context.Context, chain []v1Layer) ([]byte, error) {
	top := chain[len(chain)-1].id + "/json"
	var config map[string]json.RawMessage
	if err := readJSON(ctx, s.dir, top, &config); err != nil {
		return nil, err
	}
	if config == nil {
		return nil, errs.New(errs.Input, top, "is null")
	}
	for _, key := range []string{"id", "parent", "parent_id", "layer_id", "throwaway", "Size"} {
		delete(config, key)
	}
	rootfs := v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}
	history := []v1.History{}
	for _, l := range chain {
		name := l.id + "/layer.tar"
		m, err := s.dir.resolve("open", name)
		if err != nil {
			return nil, missing(name, err)
		}
		d, err := s.hash(ctx, name, m)
		if err != nil {
			return nil, errs.Wrap(name, err)
		}
		rootfs.DiffIDs = append(rootfs.DiffIDs, d)
		history = append(history, v1.History{Created: l.Created, Author: l.Author, Comment: l.Comment, CreatedBy: strings.Join(l.ContainerConfig.Cmd, " ")})
	}
	var err error
	for key, v := range map[string]any{"rootfs": rootfs, "history": history} {
		if config[key], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return json.Marshal(config)
}
