package xfer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// output is a manifest as it is written, and how it is addressed.
type output struct {
	doc    oci.Document
	digest digest.Digest
}

func (o output) descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: o.doc.MediaType, Digest: o.digest, Size: int64(len(o.doc.Raw))}
}

// outputs are what becomes of manifests, by their digests at the source.
type outputs map[digest.Digest]output

// rewrite gives every manifest that is copied in the form it is written in, by its digest at the source: as received, unless
// the options or a changed child demand otherwise. layers are what became of layers that were compressed anew.
func (p *Plan) rewrite(layers map[digest.Digest]v1.Descriptor) (outputs, error) {
	out := outputs{}
	attached := *p
	attached.o.Format = Keep // a signature or an SBOM has no other form
	tree := p.tree()
	for _, n := range p.order() {
		by := p
		if !tree[n.digest] {
			by = &attached
		}
		o, err := by.rewriteOne(n, layers, out)
		if err != nil {
			return nil, err
		}
		out[n.digest] = o
	}
	return out, nil
}

func (p *Plan) rewriteOne(n *node, layers map[digest.Digest]v1.Descriptor, done outputs) (output, error) {
	subject := n.digest.String()
	var o oci.Object
	var changed bool
	var err error
	if n.doc.IsIndex() {
		o, changed, err = p.index(n, done, subject)
	} else {
		o, changed, err = p.image(n, layers, subject)
	}
	if err != nil || !changed {
		return output{n.doc, n.digest}, err
	}
	mediaType := mediaTypeIn(p.o.Format, n.doc.MediaType)
	if err := o.Set("mediaType", mediaType); err != nil {
		return output{}, err
	}
	raw, err := o.Bytes()
	if err != nil {
		return output{}, err
	}
	doc := oci.Document{MediaType: mediaType, Raw: raw}.Under(n.digest)
	return output{doc, doc.Digest()}, nil
}

// index leaves out what is not kept and takes over what became of the children.
func (p *Plan) index(n *node, done outputs, subject string) (oci.Object, bool, error) {
	o, err := oci.ParseObject(n.doc.Raw, subject)
	if err != nil {
		return o, false, err
	}
	entries, err := o.Objects("manifests", subject)
	if err != nil {
		return o, false, err
	}
	if len(entries) != len(n.entries) {
		return o, false, twoThings(subject)
	}
	changed := mediaTypeIn(p.o.Format, n.doc.MediaType) != n.doc.MediaType
	kept := make([]oci.Object, 0, len(entries))
	for i, e := range entries {
		if !n.keep[i] {
			changed = true
			continue
		}
		c, err := p.entry(&e, n.entries[i], done)
		if err != nil {
			return o, false, err
		}
		changed = changed || c
		kept = append(kept, e)
	}
	if !changed {
		return o, false, nil
	}
	if p.o.Format == Docker {
		p.dropAnnotations(&o)
	}
	return o, true, o.Set("manifests", kept)
}

// twoThings is for a list that stands there twice, in other cases, of which decoders take the one or the other.
func twoThings(subject string) error {
	return errs.New(errs.Verification, subject, "can be read as two things")
}

// entry takes over what became of one child, and of the child that it is an attestation of.
func (p *Plan) entry(e *oci.Object, d v1.Descriptor, done outputs) (changed bool, err error) {
	if child, ok := done[d.Digest]; ok && child.digest != d.Digest {
		changed = true
		e.Delete("data")
		if err := setDescriptor(e, child.descriptor()); err != nil {
			return false, err
		}
	}
	if of, ok := done[about(d)]; ok && of.digest != about(d) {
		changed = true
		annotations := maps.Clone(d.Annotations)
		annotations[referenceDigest] = of.digest.String()
		if err := e.Set("annotations", annotations); err != nil {
			return false, err
		}
	}
	return changed, nil
}

func setDescriptor(e *oci.Object, d v1.Descriptor) error {
	for _, m := range []struct {
		name string
		v    any
	}{{"mediaType", d.MediaType}, {"digest", d.Digest}, {"size", d.Size}} {
		if err := e.Set(m.name, m.v); err != nil {
			return err
		}
	}
	return nil
}

// image converts the media types of a manifest and takes over the layers that were compressed anew.
func (p *Plan) image(n *node, layers map[digest.Digest]v1.Descriptor, subject string) (oci.Object, bool, error) {
	o, err := oci.ParseObject(n.doc.Raw, subject)
	if err != nil {
		return o, false, err
	}
	converted := mediaTypeIn(p.o.Format, n.doc.MediaType) != n.doc.MediaType
	if converted {
		if err := p.convertible(n, subject); err != nil {
			return o, false, err
		}
		config, err := oci.ParseObject(o.Get("config"), subject+": config")
		if err != nil {
			return o, false, err
		}
		if err := config.Set("mediaType", configIn(p.o.Format)); err != nil {
			return o, false, err
		}
		if err := o.Set("config", config); err != nil {
			return o, false, err
		}
		if p.o.Format == Docker {
			p.dropAnnotations(&o)
		}
	}
	list, changed, err := p.layers(o, n.manifest, layers, converted, subject)
	if err != nil || !changed && !converted {
		return o, false, err
	}
	return o, true, o.Set("layers", list)
}

func (p *Plan) layers(o oci.Object, m v1.Manifest, anew map[digest.Digest]v1.Descriptor, converted bool, subject string) ([]oci.Object, bool, error) {
	list, err := o.Objects("layers", subject)
	if err != nil {
		return nil, false, err
	}
	if len(list) != len(m.Layers) {
		return nil, false, twoThings(subject)
	}
	changed := false
	for i := range list {
		d := m.Layers[i]
		if p.needsCompression(d) {
			d.MediaType = compressedType(d.MediaType, p.o.Compress)
			if c, ok := anew[d.Digest]; ok { // not there yet while the plan is checked
				d.Digest, d.Size = c.Digest, c.Size
			}
			list[i].Delete("data")
		}
		if converted {
			if d.MediaType, err = layerIn(p.o.Format, d.MediaType, fmt.Sprintf("%s: layer %d", subject, i)); err != nil {
				return nil, false, err
			}
			if p.o.Format == Docker {
				list[i].Delete("annotations")
			}
		}
		if d.Digest == m.Layers[i].Digest && d.MediaType == m.Layers[i].MediaType {
			continue
		}
		changed = true
		if err := setDescriptor(&list[i], d); err != nil {
			return nil, false, err
		}
	}
	return list, changed, nil
}

// check finds out before anything is moved whether the copy can be written as it was asked for.
func (p *Plan) check() error {
	out, err := p.rewrite(nil)
	if err != nil {
		return err
	}
	p.detach(out)
	if !p.o.PreserveDigests {
		return nil
	}
	why := ""
	switch {
	case out[p.root.digest].digest == p.root.digest:
		return nil
	case p.o.Compress != "":
		why = "compressing layers anew"
	case p.o.Format != Keep:
		why = fmt.Sprintf("writing it in the %s format", p.o.Format)
	default:
		why = "leaving out a part of the index (" + strings.Join(p.left, "; ") + ")"
	}
	return errs.New(errs.Input, p.subject, "%s would change the digest", why).
		Hinted("copy it as it is, or without --preserve-digests")
}

// detach leaves behind what is about a manifest that changes, or that is left behind itself: it would point to nothing at the
// destination, and a signature of it would not verify. An extra that is about another one stands after it in the list.
func (p *Plan) detach(out outputs) {
	there := p.tree()
	for d := range there {
		there[d] = out[d].digest == d
	}
	n := len(p.extras)
	p.extras = slices.DeleteFunc(p.extras, func(e extra) bool {
		stays := there[e.to] && out[e.node.digest].digest == e.node.digest
		there[e.node.digest] = there[e.node.digest] || stays
		return !stays
	})
	if n -= len(p.extras); n > 0 {
		p.left = append(p.left, fmt.Sprintf("%d referrers and digest tags of manifests whose digest changes", n))
	}
}
