package core

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// DigestIn is the request of digest: a reference or a file.
type DigestIn struct {
	Ref       string `json:"ref,omitempty" arg:"[REF]" help:"image reference"`
	File      string `json:"file,omitempty" help:"a file instead of an image; - is standard input"`
	Algorithm string `json:"algorithm,omitempty" enum:"sha256,sha384,sha512" help:"hash with this algorithm (default: sha256, or what the reference is addressed by)"`
	Platform  string `json:"platform,omitempty" help:"os/arch[/variant]: the digest of that platform's manifest"`
}

// DigestOut is a digest and what it is of.
type DigestOut struct {
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size" help:"bytes"`
	MediaType string        `json:"mediaType,omitempty"`
}

// Digest tells the digest of what a reference names, without reading it where the registry says it (a HEAD request), or
// of a file's bytes. Kinds: input, not_found, and those of the endpoint.
func Digest(ctx context.Context, env *Env, in DigestIn) (DigestOut, error) {
	if (in.Ref == "") == (in.File == "") {
		return DigestOut{}, errs.New(errs.Input, "digest", "give a reference or a file, one of them")
	}
	algorithm := digest.Algorithm(in.Algorithm)
	if in.Algorithm != "" && !algorithm.Available() {
		return DigestOut{}, errs.New(errs.Input, in.Algorithm, "is not an algorithm").Hinted("sha256, sha384 or sha512")
	}
	if in.File != "" {
		if in.Platform != "" {
			return DigestOut{}, errs.New(errs.Input, in.File, "a file has no platform to choose")
		}
		return digestFile(ctx, env, in.File, algorithm)
	}
	src, r, err := env.open(ctx, in.Ref)
	if err != nil {
		return DigestOut{}, err
	}
	defer src.Close()
	if in.Platform == "" && in.Algorithm == "" {
		d, err := resolve(ctx, src, r.Ident())
		if errs.Of(err) != errs.Unsupported {
			return DigestOut{d.Digest, d.Size, d.MediaType}, errs.Wrap(in.Ref, err)
		}
	}
	return digestManifest(ctx, env, src, r.Ident(), in, algorithm)
}

func resolve(ctx context.Context, src content.Source, ident string) (v1.Descriptor, error) {
	res, ok := content.As[content.Resolver](src)
	if !ok {
		return v1.Descriptor{}, errs.New(errs.Unsupported, "", "does not resolve")
	}
	return res.Resolve(ctx, ident)
}

func digestManifest(ctx context.Context, env *Env, src content.Source, ident string, in DigestIn, algorithm digest.Algorithm) (DigestOut, error) {
	doc, err := src.Manifest(ctx, ident)
	if err != nil {
		return DigestOut{}, errs.Wrap(in.Ref, err)
	}
	d := digestOf(doc, ident)
	if in.Platform != "" {
		c, err := env.choice(in.Platform)
		if err != nil {
			return DigestOut{}, err
		}
		img, err := env.pick(ctx, src, doc, ident, in.Ref, c)
		if err != nil {
			return DigestOut{}, err
		}
		doc, d = img.doc, img.digest
	}
	if algorithm != "" {
		d = algorithm.FromBytes(doc.Raw)
	}
	return DigestOut{d, int64(len(doc.Raw)), doc.MediaType}, nil
}

func digestFile(ctx context.Context, env *Env, name string, algorithm digest.Algorithm) (DigestOut, error) {
	if env.File == nil {
		return DigestOut{}, errs.New(errs.Unsupported, name, "this host opens no files")
	}
	if algorithm == "" {
		algorithm = digest.SHA256
	}
	f, err := env.File(ctx, name)
	if err != nil {
		return DigestOut{}, errs.Wrap(name, err)
	}
	defer f.Close()
	h := algorithm.Hash()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, paced{ctx, env, f}, make([]byte, 64<<10))
	if err != nil {
		return DigestOut{}, errs.Wrap(name, err)
	}
	return DigestOut{Digest: digest.NewDigest(algorithm, h), Size: n}, nil
}

// paced yields and looks for cancellation at each read.
type paced struct {
	ctx context.Context
	env *Env
	r   io.Reader
}

func (p paced) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	if p.env.Yield != nil {
		p.env.Yield()
	}
	return n, err
}
