package core

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

// CatIn is the request of cat.
type CatIn struct {
	Ref  string `json:"ref" arg:"REF" help:"image reference"`
	Path string `json:"path,omitempty" arg:"[PATH]" help:"file in the image; symbolic links are followed inside the image"`
	// PathBase64 is the form of a path that JSON has no other for.
	PathBase64 string `json:"pathBase64,omitempty" help:"in place of the path: its bytes in base 64, for one that is not UTF-8"`
	Platform   string `json:"platform,omitempty" help:"os/arch[/variant] to choose from an index"`
	Layer      *int   `json:"layer,omitempty" help:"the file as this layer has it, counted from 0"`
	Output     string `json:"output,omitempty" help:"write to this file; - is standard output"`
}

// CatOut tells what was written.
type CatOut struct {
	Path     string        `json:"path" help:"as it was asked for"`
	Resolved string        `json:"resolved" help:"where the file was found, absolute, links followed"`
	Size     int64         `json:"size" help:"bytes written"`
	Digest   digest.Digest `json:"digest" help:"SHA-256 of the bytes written"`
	Layer    int           `json:"layer" help:"layer that has the content, counted from 0"`
}

// Cat writes the content of one file of an image to the output. Nothing is written before the file is found. Kinds:
// not_found; input for a folder or a link loop; unsupported for a device or FIFO.
func Cat(ctx context.Context, env *Env, in CatIn) (CatOut, error) {
	if err := in.decodePath(); err != nil {
		return CatOut{}, err
	}
	fsys, err := env.filesystem(ctx, in.Ref, in.Platform)
	if err != nil {
		return CatOut{}, err
	}
	defer fsys.Close()
	found, at, err := fsys.find(ctx, in)
	if err != nil {
		return CatOut{}, errs.Wrap(in.Ref, err)
	}
	switch found.Type {
	case layer.File:
	case layer.Dir:
		return CatOut{}, errs.New(errs.Input, in.Ref, "%s is a directory", at).Hinted("list it with files")
	case layer.Hardlink:
		return CatOut{}, errs.New(errs.NotFound, in.Ref, "%s is a hard link to /%s, which does not exist", at, found.Link)
	default:
		return CatOut{}, errs.New(errs.Unsupported, in.Ref, "%s is a %s and has no content", at, found.Type)
	}
	out := CatOut{Path: in.Path, Resolved: at, Layer: int(found.Layer)}
	err = fsys.write(ctx, in, int(found.Index), &out)
	return out, err
}

// decodePath puts the path where the code looks for it.
func (in *CatIn) decodePath() error {
	if in.PathBase64 != "" {
		b, err := base64.StdEncoding.DecodeString(in.PathBase64)
		if err != nil || in.Path != "" {
			return errs.New(errs.Input, in.Ref, "the path in base 64 is malformed, or not the only path")
		}
		in.Path = string(b)
	}
	if in.Path == "" || strings.ContainsRune(in.Path, 0) {
		return errs.New(errs.Input, in.Ref, "the path in the image is empty or has a NUL")
	}
	return nil
}

// find resolves the path in the merged view, or in one layer alone, and tells where it was found.
func (f *filesystem) find(ctx context.Context, in CatIn) (*layer.Inode, string, error) {
	if in.Layer == nil {
		view, err := f.view(ctx)
		if err != nil {
			return nil, "", err
		}
		return view.Lookup(in.Path)
	}
	view := layer.NewView()
	if _, err := f.applyQuietly(ctx, view, *in.Layer, view.Add); err != nil {
		return nil, "", err
	}
	ino, at, err := view.Lookup(in.Path)
	if err != nil {
		return nil, "", err
	}
	ino.Layer = int32(*in.Layer) // the view has this one only, and counted it from 0
	return ino, at, nil
}

// write copies the content of one entry to the output.
func (f *filesystem) write(ctx context.Context, in CatIn, index int, out *CatOut) error {
	if f.env.Output == nil {
		return errs.New(errs.Unsupported, in.Ref, "this host takes no output")
	}
	r, err := f.open(ctx, out.Layer)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		e, err := r.Next()
		if err != nil {
			return f.fail(out.Layer, err)
		}
		if e.Index == index {
			break
		}
	}
	w, err := f.env.Output(ctx, in.Output)
	if err != nil {
		return errs.Wrap(in.Output, err)
	}
	h := sha256.New()
	out.Size, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, h)}, r, make([]byte, 64<<10))
	out.Digest = digest.NewDigest(digest.SHA256, h)
	if err == nil {
		err = r.Finish()
	}
	if err != nil {
		err = errs.Wrap(in.Ref, err)
		abort(w, err)
		return err
	}
	f.finished(out.Layer)
	return errs.Wrap(in.Ref, w.Close())
}

// Aborter is an output that can drop what was written to it.
type Aborter interface{ Abort(err error) }

// abort ends an output that is not whole.
func abort(w io.WriteCloser, err error) {
	if a, ok := w.(Aborter); ok {
		a.Abort(err)
		return
	}
	_ = w.Close()
}
