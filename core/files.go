package core

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stevedore-oci/stevedore/core/layer"
)

// FilesIn is the request of files.
type FilesIn struct {
	Ref      string   `json:"ref" arg:"REF" help:"image reference"`
	Globs    []string `json:"globs,omitempty" arg:"[GLOB...]" help:"only paths that match; ** crosses folders, a pattern without / matches base names, a name without wildcards stands for all that is in it, too"`
	Platform string   `json:"platform,omitempty" help:"os/arch[/variant] to choose from an index"`
	Layer    *int     `json:"layer,omitempty" help:"one layer as it is, counted from 0, with its whiteouts"`
}

// FileItem is one path of an image, or with layer one entry of that layer.
type FileItem struct {
	Path       string   `json:"path" help:"absolute; bytes that are not UTF-8 are replaced by U+FFFD"`
	PathBase64 string   `json:"pathBase64,omitempty" help:"the exact bytes of a path that is not UTF-8"`
	Type       string   `json:"type" enum:"file,dir,symlink,hardlink,char,block,fifo,whiteout,opaque" help:"hardlink, whiteout and opaque occur in a single layer; hardlink also where the target does not exist"`
	Mode       string   `json:"mode" help:"permission, set-ID and sticky bits in octal, four digits"`
	UID        int      `json:"uid"`
	GID        int      `json:"gid"`
	Size       int64    `json:"size" help:"bytes of content"`
	MTime      string   `json:"mtime" help:"RFC 3339, UTC"`
	LinkTarget string   `json:"linkTarget,omitempty" help:"text of a symbolic link, target of a hard link"`
	HardlinkOf string   `json:"hardlinkOf,omitempty" help:"first path of the same file"`
	LinkBase64 string   `json:"linkBase64,omitempty" help:"the exact bytes of linkTarget or hardlinkOf where they are not UTF-8"`
	Xattrs     []string `json:"xattrs" help:"names of extended attributes"`
	DevMajor   *int64   `json:"devMajor,omitempty"`
	DevMinor   *int64   `json:"devMinor,omitempty"`
	Layer      int      `json:"layer" help:"layer that the path or its last change came from, counted from 0"`
}

// Files yields the merged file system of an image: a folder before what is in it, siblings in the order of their bytes.
// With Layer it yields one layer's entries in the order of the archive. The sequence ends with an error or without.
func Files(ctx context.Context, env *Env, in FilesIn) iter.Seq2[FileItem, error] {
	return func(yield func(FileItem, error) bool) {
		if err := files(ctx, env, in, func(it FileItem) bool { return yield(it, nil) }); err != nil {
			yield(FileItem{}, err)
		}
	}
}

func files(ctx context.Context, env *Env, in FilesIn, yield func(FileItem) bool) error {
	match, err := globs(in.Globs)
	if err != nil {
		return err
	}
	fsys, err := env.filesystem(ctx, in.Ref, in.Platform)
	if err != nil {
		return err
	}
	defer fsys.Close()
	if in.Layer != nil {
		return layerFiles(ctx, fsys, *in.Layer, match, yield)
	}
	view, err := fsys.view(ctx)
	if err != nil {
		return err
	}
	return fsys.walk(ctx, view, func(n layer.Name) bool { return !match(n.Path) || yield(nameItem(n)) })
}

func layerFiles(ctx context.Context, fsys *filesystem, i int, match func(string) bool, yield func(FileItem) bool) error {
	return fsys.each(ctx, i, func(e layer.Entry) error {
		if match("/"+e.Path) && !yield(entryItem(e, i)) {
			return io.EOF
		}
		return nil
	})
}

func nameItem(n layer.Name) FileItem {
	i := n.Inode
	it := item(n.Path, i.Type, i.Mode, i.UID, i.GID, i.Size, i.MTime(), i.Xattrs(), n.Layer)
	if n.First != "" {
		it.HardlinkOf, it.LinkBase64 = exact(n.First)
	}
	major, minor := i.Device()
	return it.special(i.Type, i.Link, major, minor)
}

func entryItem(e layer.Entry, i int) FileItem {
	it := item("/"+e.Path, e.Type, e.Mode, e.UID, e.GID, e.Size, e.MTime, e.Xattrs, i)
	return it.special(e.Type, e.Link, e.DevMajor, e.DevMinor)
}

// special sets what only links and devices have.
func (it FileItem) special(t layer.Type, link string, major, minor int64) FileItem {
	switch t {
	case layer.Symlink:
		it.LinkTarget, it.LinkBase64 = exact(link)
	case layer.Hardlink:
		it.LinkTarget, it.LinkBase64 = exact("/" + link)
	case layer.Char, layer.Block:
		it.DevMajor, it.DevMinor = &major, &minor
	}
	return it
}

func item(path string, t layer.Type, mode uint16, uid, gid int, size int64, mtime time.Time, xattrs []string, from int) FileItem {
	it := FileItem{
		Type: t.String(), Mode: fmt.Sprintf("%04o", mode), UID: uid, GID: gid, Size: size,
		MTime: mtime.UTC().Format(time.RFC3339Nano), Xattrs: xattrs, Layer: from,
	}
	if it.Xattrs == nil {
		it.Xattrs = []string{}
	}
	it.Path, it.PathBase64 = exact(path)
	return it
}

// exact is a name as JSON can show it, and in base 64 where that is not the name.
func exact(name string) (shown, bytes string) {
	if utf8.ValidString(name) {
		return name, ""
	}
	return strings.ToValidUTF8(name, "\uFFFD"), base64.StdEncoding.EncodeToString([]byte(name))
}
