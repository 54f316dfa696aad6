package core

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// BlobGetIn is the request of blob-get.
type BlobGetIn struct {
	Ref    string `json:"ref" arg:"REF" help:"repository@digest"`
	Output string `json:"output,omitempty" help:"where its bytes go: a file, or - for standard output"`
}

// BlobOut says what a blob is.
type BlobOut struct {
	Digest digest.Digest `json:"digest"`
	Size   int64         `json:"size" help:"bytes"`
}

// BlobGet writes a blob, which is checked against its digest. Kinds: not_found, verification, input (no digest), unsupported
// (an endpoint that cannot tell the size of a blob by its digest).
func BlobGet(ctx context.Context, env *Env, in BlobGetIn) (BlobOut, error) {
	src, d, err := env.blob(ctx, in.Ref)
	if err != nil {
		return BlobOut{}, err
	}
	defer src.Close()
	if env.Output == nil {
		return BlobOut{}, errs.New(errs.Unsupported, in.Ref, "this host takes no output")
	}
	r, err := src.Blob(d).Open(ctx)
	if err != nil {
		return BlobOut{}, errs.Wrap(in.Ref, err)
	}
	defer r.Close()
	w, err := env.Output(ctx, in.Output)
	if err != nil {
		return BlobOut{}, errs.Wrap(in.Ref, err)
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, paced{ctx, env, r}, make([]byte, 64<<10)); err != nil {
		abort(w, err)
		return BlobOut{}, errs.Wrap(in.Ref, err)
	}
	return BlobOut{d.Digest, d.Size}, errs.Wrap(in.Ref, w.Close())
}

// BlobHeadIn is the request of blob-head.
type BlobHeadIn struct {
	Ref string `json:"ref" arg:"REF" help:"repository@digest"`
}

// BlobHead tells whether a blob is there, and its size.
func BlobHead(ctx context.Context, env *Env, in BlobHeadIn) (BlobOut, error) {
	src, d, err := env.blob(ctx, in.Ref)
	if err != nil {
		return BlobOut{}, err
	}
	return BlobOut{d.Digest, d.Size}, src.Close()
}

// blob opens the endpoint of repository@digest and looks the blob up.
func (e *Env) blob(ctx context.Context, typed string) (content.Source, v1.Descriptor, error) {
	src, r, err := e.open(ctx, typed)
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	stat, ok := content.As[content.BlobStatter](src)
	switch {
	case r.Digest == "":
		err = errs.New(errs.Input, typed, "names no digest").Hinted("for example registry.example/app@sha256:…")
	case !ok:
		err = errs.New(errs.Unsupported, typed, "a %s endpoint finds no blob by its digest alone", r.Scheme)
	default:
		var d v1.Descriptor
		if d, err = stat.StatBlob(ctx, digest.Digest(r.Digest)); err == nil {
			return src, d, nil
		}
	}
	_ = src.Close()
	return nil, v1.Descriptor{}, errs.Wrap(typed, err)
}

// BlobPutIn is the request of blob-put.
type BlobPutIn struct {
	Ref  string `json:"ref" arg:"REPOSITORY" help:"repository, or repository@digest to have the digest checked"`
	File string `json:"file" arg:"FILE" help:"the content, which is read twice: standard input is no such file"`
}

// BlobPut uploads a file as a blob. No manifest refers to it yet: registries collect those after a while. Kinds: verification
// (another digest than that of the reference), input (standard input, which cannot be read twice), and those of the endpoint.
func BlobPut(ctx context.Context, env *Env, in BlobPutIn) (BlobOut, error) {
	if in.File == "-" {
		return BlobOut{}, errs.New(errs.Input, in.File, "the digest has to be known before the bytes are sent, and standard input is read once").
			Hinted("write it to a file first")
	}
	r, sink, err := env.adds(ctx, in.Ref)
	if err != nil {
		return BlobOut{}, err
	}
	defer sink.Close()
	algorithm := digest.SHA256
	if r.Digest != "" {
		algorithm = digest.Digest(r.Digest).Algorithm()
	}
	d, err := digestFile(ctx, env, in.File, algorithm)
	if err != nil {
		return BlobOut{}, err
	}
	if r.Digest != "" && d.Digest.String() != r.Digest {
		return BlobOut{}, errs.New(errs.Verification, in.Ref, "%s has the digest %s", in.File, d.Digest)
	}
	if _, err := sink.PutBlob(ctx, fileBlob{env, in.File, v1.Descriptor{MediaType: "application/octet-stream", Digest: d.Digest, Size: d.Size}}); err != nil {
		return BlobOut{}, errs.Wrap(in.Ref, err)
	}
	return BlobOut{d.Digest, d.Size}, errs.Wrap(in.Ref, sink.Commit(ctx))
}

// fileBlob is a file of the host as a blob.
type fileBlob struct {
	env  *Env
	name string
	d    v1.Descriptor
}

func (b fileBlob) Descriptor() v1.Descriptor { return b.d }

func (b fileBlob) Open(ctx context.Context) (io.ReadCloser, error) {
	f, err := b.env.File(ctx, b.name)
	if err != nil {
		return nil, err
	}
	return content.Verify(f, b.d)
}
