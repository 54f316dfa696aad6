package core

import (
	"context"
	"io"
	"iter"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// LayersIn is the request of layers.
type LayersIn struct {
	Ref      string `json:"ref" arg:"REF" help:"image reference"`
	Platform string `json:"platform,omitempty" help:"os/arch[/variant] to choose from an index"`
	Entries  bool   `json:"entries,omitempty" help:"give each layer's own entries before it, while they are read"`
	Files    bool   `json:"files,omitempty" help:"give the merged file system after the last layer; where a layer cannot be read, that of the layers below it, before the error"`
}

// LayersItem is one of its members.
type LayersItem struct {
	Layer *LayerItem `json:"layer,omitempty"`
	Entry *FileItem  `json:"entry,omitempty" help:"what the layer itself has, with its whiteouts, in the order of the archive"`
	File  *FileItem  `json:"file,omitempty" help:"a path of the merged file system, as files gives it"`
}

// LayerItem is one layer, and what it does to those below. Files are all names that are not folders.
type LayerItem struct {
	Index     int           `json:"index" help:"counted from 0"`
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size" help:"bytes as stored"`
	DiffID    digest.Digest `json:"diffId,omitempty" help:"digest of the uncompressed layer"`
	CreatedBy string        `json:"createdBy,omitempty"`
	Entries   int           `json:"entries" help:"entries of the archive that are part of the file system"`
	Unpacked  int64         `json:"unpacked" help:"bytes of content of its files"`
	Added     FileCount     `json:"added" help:"files that were not there"`
	Changed   FileCount     `json:"changed" help:"files that were there; bytes are of their new content"`
	Replaced  int64         `json:"replaced" help:"bytes that the changed files had, which are in the image still and seen no more"`
	Hidden    FileCount     `json:"hidden" help:"files of lower layers that are seen no more"`
}

// FileCount counts files and the bytes of their content; a hard link to a file that was counted has none.
type FileCount struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Layers says of each layer, from the bottom up, what it adds, changes and hides. Each is read once, also where entries and
// the merged file system are asked for. The sequence ends with an error or without. Where a layer cannot be read, the merged
// file system is that of the layers below it, and the error comes after it.
func Layers(ctx context.Context, env *Env, in LayersIn) iter.Seq2[LayersItem, error] {
	return func(yield func(LayersItem, error) bool) {
		if err := layers(ctx, env, in, func(it LayersItem) bool { return yield(it, nil) }); err != nil {
			yield(LayersItem{}, err)
		}
	}
}

func layers(ctx context.Context, env *Env, in LayersIn, yield func(LayersItem) bool) error {
	fsys, err := env.filesystem(ctx, in.Ref, in.Platform)
	if err != nil {
		return err
	}
	defer fsys.Close()
	infos, err := fsys.infos(ctx)
	if err != nil {
		return err
	}
	view := layer.NewView()
	for i, info := range infos {
		it := LayerItem{
			Index: i, MediaType: info.MediaType, Digest: info.Digest, Size: info.Size, DiffID: info.DiffID, CreatedBy: info.CreatedBy,
		}
		left := false
		err := fsys.apply(ctx, view, i, func(e layer.Entry) error {
			it.Entries++
			it.Unpacked += e.Size
			if in.Entries {
				f := entryItem(e, i)
				if left = !yield(LayersItem{Entry: &f}); left {
					return io.EOF
				}
			}
			return view.Add(e)
		})
		if err != nil && in.Files && i > 0 && view.Whole() && ctx.Err() == nil {
			return fsys.merged(ctx, view, err, yield)
		}
		if err != nil || left {
			return err
		}
		it.sum(view.Changes())
		if !yield(LayersItem{Layer: &it}) {
			return nil
		}
	}
	if !in.Files {
		return nil
	}
	return fsys.merged(ctx, view, nil, yield)
}

// merged yields every path of the view, then returns err, which is why there is no more of it.
func (f *filesystem) merged(ctx context.Context, view *layer.View, err error, yield func(LayersItem) bool) error {
	left := false
	stopped := f.walk(ctx, view, func(n layer.Name) bool {
		item := nameItem(n)
		left = !yield(LayersItem{File: &item})
		return !left
	})
	if left || stopped != nil {
		return stopped
	}
	return err
}

func (it *LayerItem) sum(c layer.Changes) {
	it.Added, it.Changed, it.Replaced, it.Hidden = FileCount(c.Added), FileCount(c.Changed), c.Replaced, FileCount(c.Hidden)
}

// infos describes the layers as inspect does. An artifact that holds a file system has no config that says more.
func (f *filesystem) infos(ctx context.Context) ([]LayerInfo, error) {
	var cfg v1.Image
	if oci.IsImageConfig(f.img.manifest.Config.MediaType) {
		raw, err := f.env.config(ctx, f.src, f.img)
		if err != nil {
			return nil, errs.Wrap(f.typed, err)
		}
		if err := oci.Unmarshal(raw, &cfg); err != nil {
			return nil, errs.New(errs.Input, f.typed, "config %s: %v", f.img.manifest.Config.Digest, err)
		}
	}
	return layerInfos(f.img.manifest, cfg), nil
}

// walk yields every path of the view until yield returns false.
func (f *filesystem) walk(ctx context.Context, view *layer.View, yield func(layer.Name) bool) error {
	return view.Walk(func() error { return f.pace(ctx) }, yield)
}
