package xfer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// Bounds on the manifests of one copy, which a hostile index would have read without end.
const (
	maxDepth     = 8
	maxManifests = 10_000
	maxHeld      = 16 << 20 // bytes of all manifests together
)

// Plan is what a copy will move: a root, the manifests below it and their blobs.
type Plan struct {
	src     content.Source
	o       Options
	subject string
	root    *node
	nodes   map[digest.Digest]*node
	absent  map[digest.Digest]error // entries that the source does not have, where platforms are chosen
	extras  []extra
	held    int64 // bytes of all documents
	left    []string
	warned  *sync.Once // that annotations are left out
}

// node is one manifest or index as the source has it, and what of it is copied.
type node struct {
	digest   digest.Digest // as it is addressed
	doc      oci.Document
	manifest v1.Manifest     // of no index
	entries  []v1.Descriptor // of an index
	children []*node         // of an index, one for each entry; nil for an entry that is no manifest
	keep     []bool          // of an index: which entries are copied
}

// New reads the manifests that ref names at src and decides what is copied. subject is what errors name. The plan reads from
// src until it is moved; src stays the caller's. Kinds: those of src, not_found (a platform that is not there), input.
func New(ctx context.Context, src content.Source, ref, subject string, o Options) (*Plan, error) {
	p := &Plan{warned: new(sync.Once), src: src, o: o.withDefaults(), subject: subject, nodes: map[digest.Digest]*node{}, absent: map[digest.Digest]error{}}
	return p, p.wrap(p.make(ctx, ref))
}

func (p *Plan) make(ctx context.Context, ref string) error {
	doc, err := p.src.Manifest(ctx, ref)
	if err != nil {
		return err
	}
	if oci.CheckDigest(ref) == nil {
		doc = doc.Under(digest.Digest(ref))
	}
	if p.root, err = p.read(ctx, doc.Digest(), doc, 0); err != nil {
		return err
	}
	if err := p.choose(ctx); err != nil {
		return err
	}
	if err := p.attach(ctx); err != nil {
		return err
	}
	return p.check()
}

func (p *Plan) wrap(err error) error { return errs.Wrap(p.subject, err) }

// read makes the node of a document and those below it, one for each digest.
func (p *Plan) read(ctx context.Context, dgst digest.Digest, doc oci.Document, depth int) (*node, error) {
	n := &node{digest: dgst, doc: doc.Under(dgst)}
	p.nodes[dgst] = n
	switch p.held += int64(len(doc.Raw)); {
	case p.held > maxHeld:
		return nil, errs.New(errs.Input, p.subject, "has manifests of more than %d MiB together", maxHeld>>20)
	case len(p.nodes) > maxManifests:
		return nil, errs.New(errs.Input, p.subject, "has more than %d manifests", maxManifests)
	case depth > maxDepth:
		return nil, errs.New(errs.Input, p.subject, "has indexes nested deeper than %d", maxDepth)
	}
	var err error
	if !doc.IsIndex() {
		n.manifest, err = doc.Manifest()
		return n, err
	}
	x, err := doc.Index()
	if err != nil {
		return nil, err
	}
	n.entries = x.Manifests
	n.keep = slices.Repeat([]bool{true}, len(n.entries))
	docs, missing, err := p.fetch(ctx, n.entries)
	if err != nil {
		return nil, err
	}
	for i, d := range n.entries {
		switch {
		case missing[i] == nil:
		case p.root == nil && len(p.o.Platforms) > 0: // it matters only when it is chosen: skopeo writes such sparse indexes
			p.absent[d.Digest] = missing[i]
		default:
			return nil, sparse(missing[i])
		}
		c := p.nodes[d.Digest]
		if c == nil && isManifest(d) && p.absent[d.Digest] == nil {
			if c, err = p.read(ctx, d.Digest, docs[i], depth+1); err != nil {
				return nil, err
			}
		}
		n.children = append(n.children, c)
	}
	return n, nil
}

// sparse hints at what can be done about an entry of an index that is not there.
func sparse(err error) error {
	var e *errs.Error
	if !errors.As(err, &e) || e.Hint != "" {
		return err
	}
	return e.Hinted("the index lists more than is there; --platform chooses of what is")
}

// isManifest says whether an entry of an index is a manifest. One of any other type is copied as a blob: the specification
// wants unknown types to be kept (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions).
func isManifest(d v1.Descriptor) bool {
	return d.MediaType == "" || slices.Contains(oci.ManifestTypes, d.MediaType) || strings.HasSuffix(d.MediaType, ".manifest.v1+json")
}

// room says whether the manifests of entries that are not known yet stay within the bounds, by what their descriptors say of
// their sizes: they are all held before the first is looked at.
func (p *Plan) room(entries []v1.Descriptor) error {
	fresh, size := map[digest.Digest]bool{}, p.held
	for _, d := range entries {
		if p.nodes[d.Digest] != nil || fresh[d.Digest] || !isManifest(d) {
			continue
		}
		fresh[d.Digest] = true
		if size += min(d.Size, maxHeld); size > maxHeld {
			return errs.New(errs.Input, p.subject, "has manifests of more than %d MiB together", maxHeld>>20)
		}
	}
	if len(p.nodes)+len(fresh) > maxManifests {
		return errs.New(errs.Input, p.subject, "has more than %d manifests", maxManifests)
	}
	return nil
}

// fetch reads the manifests of entries that are not known yet, several at once. missing says of each why it is not there.
func (p *Plan) fetch(ctx context.Context, entries []v1.Descriptor) (docs []oci.Document, missing []error, err error) {
	if err := p.room(entries); err != nil {
		return nil, nil, err
	}
	docs, missing = make([]oci.Document, len(entries)), make([]error, len(entries))
	return docs, missing, parallel(ctx, p.o.Jobs, len(entries), func(ctx context.Context, i int) error {
		d := entries[i]
		first := slices.IndexFunc(entries, func(e v1.Descriptor) bool { return e.Digest == d.Digest })
		if p.nodes[d.Digest] != nil || !isManifest(d) || first < i {
			return nil
		}
		doc, err := p.src.Manifest(ctx, d.Digest.String())
		if err == nil && int64(len(doc.Raw)) != d.Size {
			err = errs.New(errs.Verification, d.Digest.String(), "has %d bytes, its descriptor says %d", len(doc.Raw), d.Size)
		}
		docs[i] = doc
		if errs.Of(err) == errs.NotFound {
			missing[i], err = err, nil
		}
		return err
	})
}

// Blobs lists what is moved, each digest once, in the order of the manifests. Kind input when one digest has two sizes.
func (p *Plan) Blobs() ([]v1.Descriptor, error) {
	var out []v1.Descriptor
	seen := map[digest.Digest]int64{}
	add := func(d v1.Descriptor) error {
		size, ok := seen[d.Digest]
		if ok && size != d.Size {
			return errs.New(errs.Input, d.Digest.String(), "is listed with %d bytes and with %d", size, d.Size)
		}
		if !ok && !oci.IsForeign(d.MediaType) {
			out = append(out, d)
		}
		seen[d.Digest] = d.Size
		return nil
	}
	for _, n := range p.order() {
		for _, d := range n.blobs() {
			if err := add(d); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// blobs are config and layers of a manifest, and the entries of an index that are copied and no manifests.
func (n *node) blobs() []v1.Descriptor {
	var out []v1.Descriptor
	for i, d := range n.entries {
		if n.keep[i] && n.children[i] == nil {
			out = append(out, d)
		}
	}
	if n.manifest.Config.Digest != "" {
		out = append(out, n.manifest.Config)
	}
	return append(out, n.manifest.Layers...)
}

// order lists the nodes that are copied, children before their parents, then what is attached to them.
func (p *Plan) order() []*node {
	var out []*node
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for i, c := range n.children {
			if c != nil && n.keep[i] {
				visit(c)
			}
		}
		out = append(out, n)
	}
	visit(p.root)
	for _, e := range p.extras {
		visit(e.node)
	}
	return out
}

// tree are the nodes that are copied, without what is attached to them.
func (p *Plan) tree() map[digest.Digest]bool {
	out := map[digest.Digest]bool{}
	for _, n := range (&Plan{root: p.root}).order() {
		out[n.digest] = true
	}
	return out
}

// Left says in words what of the source is not copied, nothing where all of it is.
func (p *Plan) Left() []string { return p.left }

// Source is the digest of the root as the source has it.
func (p *Plan) Source() digest.Digest { return p.root.digest }

// IsIndex says whether the root is an index.
func (p *Plan) IsIndex() bool { return p.root.doc.IsIndex() }
