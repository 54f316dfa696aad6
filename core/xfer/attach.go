package xfer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// extra is what belongs to a manifest that is copied without being a part of it.
type extra struct {
	node *node
	to   digest.Digest // the manifest that it is about, by its digest at the source
	tag  string        // of a digest tag; "" for a referrer, which is reached by its own digest
}

// maxReferrers bounds what may refer to the manifests of one copy.
const maxReferrers = 10_000

// attach finds what belongs to the manifests that are copied, and to what was found.
func (p *Plan) attach(ctx context.Context) error {
	done := map[digest.Digest]bool{}
	for todo := p.order(); len(todo) > 0; {
		var found []*node
		for _, n := range todo {
			if done[n.digest] {
				continue
			}
			done[n.digest] = true
			more, err := p.attachTo(ctx, n)
			if err != nil {
				return err
			}
			found = append(found, more...)
		}
		todo = found
	}
	return nil
}

func (p *Plan) attachTo(ctx context.Context, n *node) ([]*node, error) {
	var found []*node
	if p.o.Referrers {
		for d, err := range content.Referrers(ctx, p.src, n.digest) {
			if err != nil {
				return nil, errs.Wrap("referrers of "+n.digest.String(), err)
			}
			if err := p.addReferrer(ctx, n, d, &found); err != nil {
				return nil, err
			}
		}
	}
	if p.o.DigestTags {
		for _, tag := range content.DigestTagNames(n.digest) {
			if err := p.addTag(ctx, n, tag, &found); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (p *Plan) addReferrer(ctx context.Context, n *node, d v1.Descriptor, found *[]*node) error {
	if len(p.extras) >= maxReferrers {
		return errs.New(errs.Input, p.subject, "has more than %d referrers", maxReferrers)
	}
	if err := oci.CheckDescriptor(d); err != nil {
		return err
	}
	c := p.nodes[d.Digest]
	if c == nil {
		docs, missing, err := p.fetch(ctx, []v1.Descriptor{d})
		if err == nil {
			err = missing[0]
		}
		if err != nil {
			return err
		}
		if c, err = p.read(ctx, d.Digest, docs[0], 0); err != nil {
			return err
		}
	}
	p.extras = append(p.extras, extra{node: c, to: n.digest})
	*found = append(*found, c)
	return nil
}

func (p *Plan) addTag(ctx context.Context, n *node, tag string, found *[]*node) error {
	doc, err := p.src.Manifest(ctx, tag)
	if errs.Of(err) == errs.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	c := p.nodes[doc.Digest()]
	if c == nil {
		if c, err = p.read(ctx, doc.Digest(), doc, 0); err != nil {
			return err
		}
	}
	p.extras = append(p.extras, extra{node: c, to: n.digest, tag: tag})
	*found = append(*found, c)
	return nil
}

// survey says what belongs to the root and is not asked for, so that nothing is lost without a word. It is no reason to fail, or to
// wait for a registry that is down, of which a mirror has the image.
func (p *Plan) survey(ctx context.Context) []string {
	ctx = content.Once(ctx)
	tags := make(chan []string, 1)
	go func() { tags <- p.surveyTags(ctx) }()
	kinds := map[string]int{}
	if !p.o.Referrers {
		for d, err := range content.Referrers(ctx, p.src, p.root.digest) {
			if err != nil {
				break
			}
			kinds[cmp.Or(d.ArtifactType, "of no type")]++
		}
	}
	var left, parts []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		parts = append(parts, fmt.Sprintf("%d %s", kinds[k], k))
	}
	if len(parts) > 0 {
		left = append(left, "referrers: "+strings.Join(parts, ", "))
	}
	if found := <-tags; len(found) > 0 {
		left = append(left, "digest tags: "+strings.Join(found, ", "))
	}
	return left
}

// surveyTags are the digest tags of the root that are not asked for. A look costs no body and at Docker Hub nothing of its limit;
// all are looked for at once, since every copy waits for them.
func (p *Plan) surveyTags(ctx context.Context) []string {
	if _, ok := content.As[content.Resolver](p.src); p.o.DigestTags || !ok {
		return nil
	}
	found, _ := content.DigestTags(ctx, p.src, p.root.digest)
	var suffixes []string
	for _, t := range found {
		suffixes = append(suffixes, path.Ext(t.Tag))
	}
	return suffixes
}
