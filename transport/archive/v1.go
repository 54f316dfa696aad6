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
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// maxChain is how many layers an image of the first format may have; Docker allowed 127.
const maxChain = 1024

// v1Layer is <id>/json of the format that docker save wrote before Docker 1.10
// (https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.md): every layer is an image with a parent.
type v1Layer struct {
	ID              string     `json:"id"`
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
			i, ok := byID[id]
			if !ok {
				img, err := loadV1(ctx, d, id)
				if err != nil {
					return nil, err
				}
				i, byID[id] = len(images), len(images)
				images = append(images, img)
			}
			images[i].RepoTags = append(images[i].RepoTags, name+":"+tag)
		}
	}
	if len(images) == 0 {
		return nil, errs.New(errs.Input, repositoriesFile, "lists no image")
	}
	return images, nil
}

// loadV1 follows the parents from the top layer down.
func loadV1(ctx context.Context, d *Dir, id string) (saved, error) {
	img := saved{}
	for id != "" {
		if len(img.chain) == maxChain {
			return img, errs.New(errs.Input, id, "has more than %d parents", maxChain)
		}
		var l v1Layer
		if err := readJSON(ctx, d, id+"/json", &l); err != nil {
			return img, err
		}
		img.chain = append(img.chain, l)
		img.Layers = append(img.Layers, id+"/layer.tar")
		id = l.Parent
	}
	if img.chain == nil {
		return img, errs.New(errs.Input, repositoriesFile, "has a tag without an image")
	}
	slices.Reverse(img.chain)
	slices.Reverse(img.Layers)
	return img, nil
}

// configV1 makes a config as Docker 1.10 did when it migrated: the top layer's JSON without what described the layer,
// with history and diff IDs. The keys are sorted, so the same archive always gives the same digest.
func (s *Docker) configV1(ctx context.Context, img saved) ([]byte, error) {
	top := img.Layers[len(img.Layers)-1]
	b, err := fsys.ReadFile(ctx, s.dir, strings.TrimSuffix(top, "layer.tar")+"json", oci.MaxConfig)
	if err != nil {
		return nil, missing(top, err)
	}
	var config map[string]json.RawMessage
	if err := oci.Unmarshal(b, &config); err != nil {
		return nil, errs.New(errs.Input, top, "%v", err)
	}
	for _, key := range []string{"id", "parent", "parent_id", "layer_id", "throwaway", "Size"} {
		delete(config, key)
	}
	rootfs := v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}
	history := []v1.History{}
	for i, l := range img.chain {
		d, err := s.hash(ctx, img.Layers[i])
		if err != nil {
			return nil, missing(img.Layers[i], err)
		}
		rootfs.DiffIDs = append(rootfs.DiffIDs, d)
		history = append(history, v1.History{Created: l.Created, Author: l.Author, Comment: l.Comment, CreatedBy: strings.Join(l.ContainerConfig.Cmd, " ")})
	}
	for key, v := range map[string]any{"rootfs": rootfs, "history": history} {
		if config[key], err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return json.Marshal(config)
}
