package core

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// ManifestGetIn is the request of manifest-get.
type ManifestGetIn struct {
	Ref    string `json:"ref" arg:"REF" help:"manifest or index"`
	Output string `json:"output,omitempty" help:"where its bytes go: a file, or - for standard output"`
}

// ManifestOut says what a manifest is.
type ManifestOut struct {
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size" help:"bytes"`
	MediaType string        `json:"mediaType"`
}

// ManifestGet writes a manifest or index exactly as it is there.
func ManifestGet(ctx context.Context, env *Env, in ManifestGetIn) (ManifestOut, error) {
	src, r, err := env.open(ctx, in.Ref)
	if err != nil {
		return ManifestOut{}, err
	}
	defer src.Close()
	doc, err := src.Manifest(ctx, r.Ident())
	if err != nil {
		return ManifestOut{}, errs.Wrap(in.Ref, err)
	}
	out := ManifestOut{digestOf(doc, r.Ident()), int64(len(doc.Raw)), doc.MediaType}
	return out, env.write(ctx, in.Ref, in.Output, doc.Raw)
}

// ManifestHeadIn is the request of manifest-head.
type ManifestHeadIn struct {
	Ref string `json:"ref" arg:"REF" help:"manifest or index"`
}

// ManifestHead tells whether a manifest is there, and what it is, without reading it where the endpoint can tell.
func ManifestHead(ctx context.Context, env *Env, in ManifestHeadIn) (ManifestOut, error) {
	d, err := Digest(ctx, env, DigestIn{Ref: in.Ref})
	return ManifestOut(d), err
}

// ManifestPutIn is the request of manifest-put.
type ManifestPutIn struct {
	Ref       string `json:"ref" arg:"REF" help:"tag or digest that it gets"`
	File      string `json:"file" arg:"FILE" help:"the manifest; - is standard input"`
	MediaType string `json:"mediaType,omitempty" help:"media type, where the manifest does not say it itself"`
}

// ManifestPut writes a manifest as it is. What it lists has to be there already, as the endpoint may insist. Kinds: input (no
// manifest), verification (another digest than that of the reference), and those of the endpoint.
func ManifestPut(ctx context.Context, env *Env, in ManifestPutIn) (ManifestOut, error) {
	raw, err := env.readFile(ctx, in.File, oci.MaxManifest)
	if err != nil {
		return ManifestOut{}, err
	}
	doc, err := oci.NewDocument(raw, in.MediaType, in.File)
	if err != nil {
		return ManifestOut{}, err
	}
	if m, err := doc.Manifest(); in.MediaType == "" && !doc.IsIndex() && (err != nil || m.MediaType == "" && m.Config.Digest == "") {
		return ManifestOut{}, errs.New(errs.Input, in.File, "is no manifest: it has neither a media type nor a config").
			Hinted("say what it is with --media-type")
	}
	r, sink, err := env.adds(ctx, in.Ref)
	if err != nil {
		return ManifestOut{}, err
	}
	defer sink.Close()
	out := ManifestOut{doc.Digest(), int64(len(raw)), doc.MediaType}
	name := r.Ident()
	if r.Digest != "" {
		out.Digest = digest.Digest(r.Digest)
		if got := out.Digest.Algorithm().FromBytes(raw); got != out.Digest {
			return ManifestOut{}, errs.New(errs.Verification, in.Ref, "%s has the digest %s", in.File, got)
		}
	}
	if name == "" {
		name = out.Digest.String()
	}
	if err := sink.PutManifest(ctx, name, doc); err != nil {
		return ManifestOut{}, errs.Wrap(in.Ref, err)
	}
	return out, errs.Wrap(in.Ref, sink.Commit(ctx))
}

func (e *Env) readFile(ctx context.Context, name string, limit int64) ([]byte, error) {
	if e.File == nil {
		return nil, errs.New(errs.Unsupported, name, "this host opens no files")
	}
	f, err := e.File(ctx, name)
	if err != nil {
		return nil, errs.Wrap(name, err)
	}
	defer f.Close()
	return oci.ReadLimited(f, limit, name)
}

// write sends bytes to an output.
func (e *Env) write(ctx context.Context, typed, name string, b []byte) error {
	if e.Output == nil {
		return errs.New(errs.Unsupported, typed, "this host takes no output")
	}
	w, err := e.Output(ctx, name)
	if err != nil {
		return errs.Wrap(typed, err)
	}
	if _, err := w.Write(b); err != nil {
		abort(w, err)
		return errs.Wrap(typed, err)
	}
	return errs.Wrap(typed, w.Close())
}
