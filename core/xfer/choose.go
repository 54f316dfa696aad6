package xfer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Annotations with which BuildKit says that an entry of an index is about another one
// (https://github.com/moby/buildkit/blob/v0.15.0/docs/attestations/attestation-storage.md#attestation-manifest-descriptor).
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
)

// about is the digest of the entry that d is an attestation of, "" where it is none.
func about(d v1.Descriptor) digest.Digest {
	if d.Annotations[referenceType] == "" {
		return ""
	}
	return digest.Digest(d.Annotations[referenceDigest])
}

// leaf is an entry of an index, nested or not, that is no index itself.
type leaf struct {
	parent *node
	at     int
}

func (l leaf) desc() v1.Descriptor { return l.parent.entries[l.at] }

func leaves(n *node, seen map[*node]bool) []leaf {
	if seen[n] {
		return nil
	}
	seen[n] = true
	var out []leaf
	for i, c := range n.children {
		if c != nil && c.doc.IsIndex() {
			out = append(out, leaves(c, seen)...)
			continue
		}
		out = append(out, leaf{n, i})
	}
	return out
}

// choose decides which entries are copied.
func (p *Plan) choose(ctx context.Context) error {
	switch {
	case len(p.o.Platforms) == 0 && p.o.Attestations != Drop:
		return nil
	case !p.root.doc.IsIndex():
		return p.only(ctx)
	}
	all := leaves(p.root, map[*node]bool{})
	wanted, err := p.wanted(all)
	if err != nil {
		return err
	}
	p.mark(all, wanted)
	for _, l := range all {
		if err := p.absent[l.desc().Digest]; err != nil && l.parent.keep[l.at] {
			return err
		}
	}
	if len(p.o.Platforms) == 1 && p.o.Attestations != With {
		i := slices.IndexFunc(all, func(l leaf) bool { return wanted[l.desc().Digest] })
		p.root = all[i].parent.children[all[i].at]
	}
	return nil
}

// only checks that an image that stands in no index is for the platforms that were asked for.
func (p *Plan) only(ctx context.Context) error {
	if !oci.IsImageConfig(p.root.manifest.Config.MediaType) {
		return nil
	}
	r, err := p.src.Blob(p.root.manifest.Config).Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := oci.ReadLimited(r, oci.MaxConfig, "config "+p.root.manifest.Config.Digest.String())
	if err != nil {
		return err
	}
	var have v1.Platform
	if err := oci.Unmarshal(raw, &have); err != nil {
		return errs.New(errs.Input, "config "+p.root.manifest.Config.Digest.String(), "%v", err)
	}
	for _, want := range p.o.Platforms {
		if oci.Match(want, have) == 0 {
			return errs.New(errs.NotFound, p.subject, "has no image for %s", oci.FormatPlatform(&want)).
				Hinted("it is one image, for %s", oci.FormatPlatform(&have))
		}
	}
	return nil
}

// wanted are the digests of the images that serve the platforms best; every image where none was asked for.
func (p *Plan) wanted(all []leaf) (map[digest.Digest]bool, error) {
	var images v1.Index
	for _, l := range all {
		if d := l.desc(); about(d) == "" {
			images.Manifests = append(images.Manifests, d)
		}
	}
	wanted := map[digest.Digest]bool{}
	if len(p.o.Platforms) == 0 {
		for _, d := range images.Manifests {
			wanted[d.Digest] = true
		}
		return wanted, nil
	}
	for _, want := range p.o.Platforms {
		d, err := oci.Select(images, want, p.subject)
		if err != nil {
			return nil, err
		}
		if !isManifest(d) {
			return nil, errs.New(errs.Unsupported, p.subject, "has for %s a %s, which is no image", oci.FormatPlatform(&want), d.MediaType)
		}
		wanted[d.Digest] = true
	}
	return wanted, nil
}

// mark keeps what is wanted, with the attestations that are about it, and the indexes on the way there.
func (p *Plan) mark(all []leaf, wanted map[digest.Digest]bool) {
	single := len(p.o.Platforms) == 1 && p.o.Attestations != With
	var dropped, statements int
	var platforms []string
	for _, l := range all {
		d := l.desc()
		of := about(d)
		keep := wanted[d.Digest] || of != "" && wanted[of] && p.o.Attestations != Drop && !single
		l.parent.keep[l.at] = keep
		switch {
		case keep:
		case of != "":
			statements++
		default:
			dropped++
			platforms = append(platforms, name(d))
		}
	}
	prune(p.root, map[*node]bool{})
	if dropped > 0 {
		p.left = append(p.left, fmt.Sprintf("%d of %d images: %s", dropped, dropped+len(wanted), strings.Join(platforms, ", ")))
	}
	if statements > 0 {
		what := "1 attestation manifest"
		if statements > 1 {
			what = fmt.Sprintf("%d attestation manifests", statements)
		}
		p.left = append(p.left, what+" of the index")
	}
}

func name(d v1.Descriptor) string {
	if p := oci.FormatPlatform(d.Platform); p != "" {
		return p
	}
	return d.Digest.String()
}

// prune drops indexes that hold nothing any more, and says whether n does.
func prune(n *node, seen map[*node]bool) bool {
	if !n.doc.IsIndex() || seen[n] {
		return slices.Contains(n.keep, true)
	}
	seen[n] = true
	for i, c := range n.children {
		if c != nil && c.doc.IsIndex() {
			n.keep[i] = prune(c, seen)
		}
	}
	return slices.Contains(n.keep, true)
}
