package core

import (
	"context"
	"math"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// InspectIn is the request of inspect.
type InspectIn struct {
	Ref       string `json:"ref" arg:"REF" help:"image reference"`
	Platform  string `json:"platform,omitempty" help:"os/arch[/variant] to choose from an index"`
	Raw       bool   `json:"raw,omitempty" help:"write the manifest or index exactly as received; with a platform, that platform's manifest"`
	Config    bool   `json:"config,omitempty" help:"write the config exactly as received"`
	Referrers bool   `json:"referrers,omitempty" help:"list what refers to it: signatures, attestations, SBOMs"`
	Output    string `json:"output,omitempty" help:"where raw or config goes: a file, or - for standard output"`
}

// InspectOut says what an image is.
type InspectOut struct {
	Reference    string            `json:"reference" help:"as it was asked for"`
	MediaType    string            `json:"mediaType"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size" help:"bytes of the manifest or index, or of the config"`
	Kind         string            `json:"kind" enum:"index,image,artifact,attestation,config"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Subject      *v1.Descriptor    `json:"subject,omitempty" help:"the manifest that this one refers to"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Manifests    []ChildManifest   `json:"manifests,omitempty" help:"what an index holds"`
	Image        *ImageInfo        `json:"image,omitempty" help:"of an index: the image for the platform asked for, or for the default one where there is one"`
	Blobs        []v1.Descriptor   `json:"blobs,omitempty" help:"of an artifact: its content"`
	Referrers    []Referrer        `json:"referrers,omitempty" help:"what refers to it, or to the image that was chosen of it, where that was asked for"`
}

// Referrer is a manifest that has another one as its subject, or that belongs to it by the name of its tag.
type Referrer struct {
	To           digest.Digest     `json:"to" help:"the subject"`
	MediaType    string            `json:"mediaType"`
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size" help:"bytes of the manifest"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Tag          string            `json:"tag,omitempty" help:"cosign's tag, which says so in place of a subject: sha256-....sig, .att or .sbom"`
}

// ChildManifest is one entry of an index.
type ChildManifest struct {
	Platform       string            `json:"platform,omitempty"`
	MediaType      string            `json:"mediaType"`
	Digest         digest.Digest     `json:"digest"`
	Size           int64             `json:"size" help:"bytes of the manifest"`
	ArtifactType   string            `json:"artifactType,omitempty"`
	AttestationFor digest.Digest     `json:"attestationFor,omitempty" help:"the image in this index that a build attestation is about"`
	Annotations    map[string]string `json:"annotations,omitempty"`
}

// ImageInfo is one image for one platform.
type ImageInfo struct {
	Digest    digest.Digest `json:"digest" help:"of the manifest"`
	Platform  string        `json:"platform,omitempty"`
	Created   string        `json:"created,omitempty" help:"RFC 3339, UTC"`
	Author    string        `json:"author,omitempty"`
	TotalSize int64         `json:"totalSize" help:"bytes of config and layers as they are stored"`
	Config    RunConfig     `json:"config"`
	Layers    []LayerInfo   `json:"layers"`
	History   []HistoryItem `json:"history"`
}

// RunConfig is how a container of the image would be run.
type RunConfig struct {
	User         string            `json:"user,omitempty"`
	WorkingDir   string            `json:"workingDir,omitempty"`
	Entrypoint   []string          `json:"entrypoint"`
	Cmd          []string          `json:"cmd"`
	Env          []string          `json:"env"`
	ExposedPorts []string          `json:"exposedPorts"`
	Volumes      []string          `json:"volumes"`
	StopSignal   string            `json:"stopSignal,omitempty"`
	Labels       map[string]string `json:"labels"`
}

// LayerInfo is one layer, with the step of the history that made it.
type LayerInfo struct {
	Index     int           `json:"index"`
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size" help:"bytes as stored"`
	DiffID    digest.Digest `json:"diffId,omitempty" help:"digest of the uncompressed layer"`
	CreatedBy string        `json:"createdBy,omitempty"`
}

// HistoryItem is one step of how the image was made.
type HistoryItem struct {
	Created    string `json:"created,omitempty" help:"RFC 3339, UTC"`
	CreatedBy  string `json:"createdBy,omitempty"`
	Author     string `json:"author,omitempty"`
	Comment    string `json:"comment,omitempty"`
	EmptyLayer bool   `json:"emptyLayer,omitempty" help:"the step made no layer"`
}

// Inspect says what an image, index or artifact is. With Raw or Config it writes those bytes to the output and describes
// them. Kinds: input, not_found, verification, and those of the endpoint.
func Inspect(ctx context.Context, env *Env, in InspectIn) (InspectOut, error) {
	if in.Raw && in.Config {
		return InspectOut{}, errs.New(errs.Input, in.Ref, "raw and config exclude each other")
	}
	if in.Referrers && (in.Raw || in.Config) {
		return InspectOut{}, errs.New(errs.Input, in.Ref, "referrers is not for raw and config, which write one document")
	}
	c, err := env.choice(in.Platform)
	if err != nil {
		return InspectOut{}, err
	}
	src, r, err := env.open(ctx, in.Ref)
	if err != nil {
		return InspectOut{}, err
	}
	defer src.Close()
	doc, err := src.Manifest(ctx, r.Ident())
	if err != nil {
		return InspectOut{}, errs.Wrap(in.Ref, err)
	}
	top := digestOf(doc, r.Ident())
	switch {
	case in.Config, in.Raw && c.asked:
		img, err := env.pick(ctx, src, doc, r.Ident(), in.Ref, c)
		if err != nil {
			return InspectOut{}, err
		}
		if in.Raw {
			return env.writeRaw(ctx, in, img.doc, img.digest)
		}
		return env.writeConfig(ctx, src, in, img)
	case in.Raw:
		return env.writeRaw(ctx, in, doc, top)
	}
	out := InspectOut{Reference: in.Ref, MediaType: doc.MediaType, Digest: top, Size: int64(len(doc.Raw))}
	if doc.IsIndex() {
		err = env.inspectIndex(ctx, src, doc, r.Ident(), in.Ref, c, &out)
	} else {
		err = env.inspectManifest(ctx, src, doc, r.Ident(), in.Ref, c, &out)
	}
	if err == nil && in.Referrers {
		err = out.refer(ctx, src, in.Ref)
	}
	return out, err
}

// refer lists what refers to the manifest, and to the image that was chosen of an index.
func (o *InspectOut) refer(ctx context.Context, src content.Source, typed string) error {
	to := []digest.Digest{o.Digest}
	if o.Image != nil && o.Image.Digest != o.Digest {
		to = append(to, o.Image.Digest)
	}
	for _, subject := range to {
		n := 0
		for d, err := range content.Referrers(ctx, src, subject) {
			if err != nil {
				return errs.Wrap(typed, err)
			}
			if n++; n > maxReferrers {
				return errs.New(errs.Input, typed, "%s has more than %d referrers", subject, maxReferrers)
			}
			o.Referrers = append(o.Referrers, Referrer{subject, d.MediaType, d.Digest, d.Size, d.ArtifactType, d.Annotations, ""})
		}
		tags, err := content.DigestTags(ctx, src, subject)
		if err != nil {
			return errs.Wrap(typed, err)
		}
		for _, t := range tags {
			o.Referrers = append(o.Referrers, Referrer{To: subject, MediaType: t.Descriptor.MediaType, Digest: t.Descriptor.Digest, Size: t.Descriptor.Size, Tag: t.Tag})
		}
	}
	return nil
}

// digestOf is how doc is addressed: by the digest that was asked for, else by its SHA-256.
func digestOf(doc oci.Document, ident string) digest.Digest {
	if d := digest.Digest(ident); d.Validate() == nil {
		return d
	}
	return doc.Digest()
}

func (e *Env) inspectIndex(ctx context.Context, src content.Source, doc oci.Document, ident, typed string, c choice, out *InspectOut) error {
	x, err := doc.Index()
	if err != nil {
		return errs.Wrap(typed, err)
	}
	out.Kind, out.ArtifactType, out.Subject, out.Annotations = "index", x.ArtifactType, x.Subject, x.Annotations
	out.Manifests = make([]ChildManifest, 0, len(x.Manifests))
	for _, m := range x.Manifests {
		out.Manifests = append(out.Manifests, childOf(m))
	}
	img, err := e.pick(ctx, src, doc, ident, typed, c)
	if errs.Of(err) == errs.NotFound && !c.asked {
		return nil // nothing for the default platform; what there is stands in Manifests
	}
	if err != nil {
		return err
	}
	if !oci.IsImageConfig(img.manifest.Config.MediaType) {
		return nil
	}
	out.Image, err = e.imageInfo(ctx, src, img, typed)
	return err
}

// Annotations by which BuildKit marks attestations
// (https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md).
const (
	annotationRefType   = "vnd.docker.reference.type"
	annotationRefDigest = "vnd.docker.reference.digest"
)

func childOf(m v1.Descriptor) ChildManifest {
	c := ChildManifest{
		Platform: oci.FormatPlatform(m.Platform), MediaType: m.MediaType, Digest: m.Digest, Size: m.Size,
		ArtifactType: m.ArtifactType, Annotations: m.Annotations,
	}
	if m.Annotations[annotationRefType] == "attestation-manifest" {
		c.AttestationFor = digest.Digest(m.Annotations[annotationRefDigest])
	}
	return c
}

func (e *Env) inspectManifest(ctx context.Context, src content.Source, doc oci.Document, ident, typed string, c choice, out *InspectOut) error {
	img, err := e.pick(ctx, src, doc, ident, typed, c)
	if err != nil {
		return err
	}
	m := img.manifest
	out.Kind, out.ArtifactType, out.Subject, out.Annotations = "image", m.ArtifactType, m.Subject, m.Annotations
	if isAttestation(m) {
		out.Kind = "attestation"
	}
	if !oci.IsImageConfig(m.Config.MediaType) {
		out.Kind = "artifact"
		if out.ArtifactType == "" {
			out.ArtifactType = m.Config.MediaType
		}
	}
	if out.Kind != "image" {
		out.Blobs = append([]v1.Descriptor{}, m.Layers...)
		return nil
	}
	out.Image, err = e.imageInfo(ctx, src, img, typed)
	return err
}

// isAttestation says whether every layer is an in-toto statement, as in BuildKit's attestation manifests, which have an
// image config all the same.
func isAttestation(m v1.Manifest) bool {
	for _, l := range m.Layers {
		if l.MediaType != oci.InToto {
			return false
		}
	}
	return len(m.Layers) > 0
}

func (e *Env) imageInfo(ctx context.Context, src content.Source, img image, typed string) (*ImageInfo, error) {
	raw, err := e.config(ctx, src, img)
	if err != nil {
		return nil, errs.Wrap(typed, err)
	}
	var cfg v1.Image
	if err := oci.Unmarshal(raw, &cfg); err != nil {
		return nil, errs.New(errs.Input, typed, "config %s: %v", img.manifest.Config.Digest, err)
	}
	info := &ImageInfo{
		Digest: img.digest, Platform: oci.FormatPlatform(&cfg.Platform), Author: cfg.Author, Created: stamp(cfg.Created),
		TotalSize: img.manifest.Config.Size, Config: runConfig(cfg.Config),
		Layers: layerInfos(img.manifest, cfg), History: make([]HistoryItem, 0, len(cfg.History)),
	}
	for _, l := range img.manifest.Layers {
		info.TotalSize += min(l.Size, math.MaxInt64-info.TotalSize) // sizes are what somebody claims
	}
	for _, h := range cfg.History {
		info.History = append(info.History, HistoryItem{stamp(h.Created), h.CreatedBy, h.Author, h.Comment, h.EmptyLayer})
	}
	return info, nil
}

// layerInfos pairs layers with the steps of the history that made one; a history of another length says nothing.
func layerInfos(m v1.Manifest, cfg v1.Image) []LayerInfo {
	var steps []v1.History
	for _, h := range cfg.History {
		if !h.EmptyLayer {
			steps = append(steps, h)
		}
	}
	out := make([]LayerInfo, 0, len(m.Layers))
	for i, l := range m.Layers {
		info := LayerInfo{Index: i, MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
		if i < len(cfg.RootFS.DiffIDs) {
			info.DiffID = cfg.RootFS.DiffIDs[i]
		}
		if len(steps) == len(m.Layers) {
			info.CreatedBy = steps[i].CreatedBy
		}
		out = append(out, info)
	}
	return out
}

func runConfig(c v1.ImageConfig) RunConfig {
	r := RunConfig{
		User: c.User, WorkingDir: c.WorkingDir, StopSignal: c.StopSignal, Labels: c.Labels,
		Entrypoint: list(c.Entrypoint), Cmd: list(c.Cmd), Env: list(c.Env),
		ExposedPorts: keys(c.ExposedPorts), Volumes: keys(c.Volumes),
	}
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	return r
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
