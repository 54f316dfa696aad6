package core

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

// ExportIn is the request of export.
type ExportIn struct {
	Ref      string `json:"ref" arg:"REF" help:"image reference"`
	Path     string `json:"path,omitempty" arg:"[PATH]" help:"folder or file in the image; symbolic links are followed inside the image (default: everything)"`
	Platform string `json:"platform,omitempty" help:"os/arch[/variant] to choose from an index"`
	Layer    *int   `json:"layer,omitempty" help:"one layer alone, counted from 0: what it holds, without its whiteouts"`
	Output   string `json:"output,omitempty" help:"write to this file; - is standard output"`
}

// ExportOut tells what was written.
type ExportOut struct {
	Entries int           `json:"entries" help:"entries of the archive"`
	Size    int64         `json:"size" help:"bytes of the archive"`
	Digest  digest.Digest `json:"digest" help:"SHA-256 of the archive"`
}

// Export writes the merged file system of an image, or what is at one path of it, as a tar archive to the output. Names are
// as in the image, without the leading slash. The same image gives the same bytes: first what has no content, folders before
// what is in them; then files in the order in which the layers have them, each followed by its hard links. Nothing is
// written before the path is found. Kinds: not_found, input (a link loop).
func Export(ctx context.Context, env *Env, in ExportIn) (ExportOut, error) {
	fsys, err := env.filesystem(ctx, in.Ref, in.Platform)
	if err != nil {
		return ExportOut{}, err
	}
	defer fsys.Close()
	view, first, err := fsys.viewOf(ctx, in.Layer)
	if err != nil {
		return ExportOut{}, err
	}
	_, at, err := view.Lookup(in.Path)
	if err != nil {
		return ExportOut{}, errs.Wrap(in.Ref, err)
	}
	if env.Output == nil {
		return ExportOut{}, errs.New(errs.Unsupported, in.Ref, "this host takes no output")
	}
	w, err := env.Output(ctx, in.Output)
	if err != nil {
		return ExportOut{}, errs.Wrap(in.Output, err)
	}
	x := newExport(fsys, w, first)
	if err := x.write(ctx, view, at); err != nil {
		err = errs.Wrap(in.Ref, err)
		abort(w, err)
		return ExportOut{}, err
	}
	x.out.Digest = digest.NewDigest(digest.SHA256, x.hash)
	return x.out, errs.Wrap(in.Ref, w.Close())
}

// viewOf merges all layers, or takes one alone; first is the layer that the view counts as 0.
func (f *filesystem) viewOf(ctx context.Context, one *int) (view *layer.View, first int, err error) {
	if one == nil {
		view, err = f.view(ctx)
		return view, 0, err
	}
	view = layer.NewView()
	_, err = f.applyQuietly(ctx, view, *one, view.Add)
	return view, *one, err
}

// export writes one archive.
type export struct {
	fsys  *filesystem
	first int
	tar   *tar.Writer
	buf   *bufio.Writer // an archive of many small files would be as many small pieces of output
	copy  []byte        // for content
	hash  hash.Hash
	out   ExportOut
	later []map[int32][]layer.Name // by layer and entry: names whose content or attributes are read from there
}

func newExport(fsys *filesystem, w io.Writer, first int) *export {
	h := sha256.New()
	x := &export{fsys: fsys, first: first, hash: h, copy: make([]byte, 64<<10), later: make([]map[int32][]layer.Name, len(fsys.layers))}
	x.buf = bufio.NewWriterSize(writerFunc(func(p []byte) (int, error) {
		n, err := w.Write(p)
		h.Write(p[:n])
		x.out.Size += int64(n)
		return n, err
	}), 64<<10)
	x.tar = tar.NewWriter(x.buf)
	return x
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (x *export) write(ctx context.Context, view *layer.View, at string) error {
	var err error
	werr := x.fsys.walk(ctx, view, func(n layer.Name) bool {
		if n.Path != at && !strings.HasPrefix(n.Path, strings.TrimSuffix(at, "/")+"/") {
			return true
		}
		err = x.name(n)
		return err == nil
	})
	if err == nil {
		err = werr
	}
	if err != nil {
		return err
	}
	for i, names := range x.later {
		if err := x.layer(ctx, i, names); err != nil {
			return err
		}
	}
	if err := x.tar.Close(); err != nil {
		return err
	}
	return x.buf.Flush()
}

// name writes what the view knows all of, and puts off the rest: content and the values of extended attributes.
func (x *export) name(n layer.Name) error {
	i := n.Inode
	switch {
	case i.Type == layer.Hardlink: // it leads nowhere, and no tool could extract it
		return nil
	case i.Type != layer.File && len(i.Xattrs()) == 0 && n.First == "":
		return x.header(header(n, nil))
	}
	from := x.first + int(i.Layer)
	if x.later[from] == nil {
		x.later[from] = map[int32][]layer.Name{}
	}
	x.later[from][i.Index] = append(x.later[from][i.Index], n)
	return nil
}

func (x *export) header(h *tar.Header) error {
	x.out.Entries++
	return x.tar.WriteHeader(h)
}

// layer writes what is read from layer i.
func (x *export) layer(ctx context.Context, i int, wanted map[int32][]layer.Name) error {
	if len(wanted) == 0 {
		return nil
	}
	r, err := x.fsys.open(ctx, i)
	if err != nil {
		return err
	}
	defer r.Close()
	for left := len(wanted); left > 0; {
		e, err := r.Next()
		if err != nil {
			return x.fsys.fail(i, err)
		}
		names, ok := wanted[int32(e.Index)]
		if !ok {
			continue
		}
		left--
		if err := x.entry(r, names); err != nil {
			return x.fsys.fail(i, err)
		}
	}
	if err := r.Finish(); err != nil {
		return x.fsys.fail(i, err)
	}
	x.fsys.finished(i)
	return nil
}

// entry writes the entry that r is at under the first of its names, and the others as hard links to that.
func (x *export) entry(r *layer.Reader, names []layer.Name) error {
	first := header(names[0], r.Xattrs())
	if err := x.header(first); err != nil {
		return err
	}
	if first.Typeflag == tar.TypeReg {
		if _, err := io.CopyBuffer(struct{ io.Writer }{x.tar}, r, x.copy); err != nil {
			return err
		}
	}
	for _, n := range names[1:] {
		h := header(n, nil)
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first.Name, 0
		if err := x.header(h); err != nil {
			return err
		}
	}
	return nil
}

var typeflags = map[layer.Type]byte{
	layer.File: tar.TypeReg, layer.Dir: tar.TypeDir, layer.Symlink: tar.TypeSymlink, layer.Char: tar.TypeChar,
	layer.Block: tar.TypeBlock, layer.FIFO: tar.TypeFifo,
}

// header is as plain as the name allows: archive/tar takes PAX records only where USTAR has no room.
func header(n layer.Name, xattrs map[string]string) *tar.Header {
	i := n.Inode
	h := &tar.Header{
		Typeflag: typeflags[i.Type], Name: strings.TrimPrefix(n.Path, "/"), Mode: int64(i.Mode), Uid: i.UID, Gid: i.GID, Size: i.Size,
		ModTime: i.MTime(),
	}
	switch i.Type {
	case layer.Dir:
		h.Name += "/"
		if n.Path == "/" {
			h.Name = "./"
		}
	case layer.Symlink:
		h.Linkname = i.Link
	case layer.Char, layer.Block:
		h.Devmajor, h.Devminor = i.Device()
	}
	if !h.ModTime.Equal(h.ModTime.Truncate(time.Second)) {
		h.Format = tar.FormatPAX // which alone has parts of a second
	}
	if len(xattrs) > 0 {
		h.PAXRecords = make(map[string]string, len(xattrs))
		for name, value := range xattrs {
			h.PAXRecords["SCHILY.xattr."+name] = value
		}
	}
	return h
}
