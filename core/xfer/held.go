package xfer

import (
	"context"
	"maps"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
)

// looks is how many manifests are looked for at once: a look is a request without a body.
const looks = 16

// naming is a manifest under one of its names at the destination; "" is its digest.
type naming struct {
	node *node
	name string
}

// namings lists what the copy writes, in the order in which it is written: children first, the root under its names last.
func (p *Plan) namings(names []string) []naming {
	var all []naming
	for _, n := range p.order() {
		if n == p.root && len(p.extras) == 0 {
			continue // its names are written below, and nothing has to find it before
		}
		all = append(all, naming{n, ""})
	}
	for _, e := range p.extras {
		if e.tag != "" {
			all = append(all, naming{e.node, e.tag})
		}
	}
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		all = append(all, naming{p.root, name})
	}
	return all
}

// there finds out which manifests are there under their names already, at an endpoint that answers that without sending them.
// They are not written, and blobs that only they list are not looked for: registries take a manifest when they have what it
// lists, and a copy that has nothing to do is a question and changes nothing. Where the root is not there, nothing else is asked
// for. It is no reason to fail: what is not known is written. out must have the digests that are written.
func (p *Plan) there(ctx context.Context, dst any, out outputs, names []string) map[naming]bool {
	resolver, ok := content.As[content.Resolver](dst)
	if !ok || p.o.VerifyExisting {
		return nil
	}
	roots, others := []naming{{p.root, ""}}, []naming{}
	for _, w := range p.namings(names) {
		switch {
		case w.node != p.root:
			others = append(others, w)
		case w != roots[0]:
			roots = append(roots, w)
		}
	}
	held := look(ctx, resolver, out, roots)
	if len(held) > 0 {
		maps.Copy(held, look(ctx, resolver, out, others))
	}
	return listed(ctx, dst, out, held)
}

// look returns what of all the resolver knows.
func look(ctx context.Context, resolver content.Resolver, out outputs, all []naming) map[naming]bool {
	var mu sync.Mutex
	held := map[naming]bool{}
	_ = parallel(ctx, looks, len(all), func(ctx context.Context, i int) error {
		o := out[all[i].node.digest]
		name := all[i].name
		if name == "" {
			name = o.digest.String()
		}
		if d, err := resolver.Resolve(ctx, name); err == nil && same(d, o.descriptor()) {
			mu.Lock()
			held[all[i]] = true
			mu.Unlock()
		}
		return nil
	}) // an error is that it was cancelled, which the next step finds, too
	return held
}

// listed takes out of held what refers to a manifest in whose list of referrers it is not: registries learn of a referrer when
// it is put, and where they keep no list, only the client that puts it does. One list is read for each subject.
func listed(ctx context.Context, dst any, out outputs, held map[naming]bool) map[naming]bool {
	var subjects []digest.Digest
	about := map[digest.Digest][]naming{}
	for w := range held {
		if subject, refers := out[w.node.digest].doc.Subject(); refers {
			if about[subject.Digest] == nil {
				subjects = append(subjects, subject.Digest)
			}
			about[subject.Digest] = append(about[subject.Digest], w)
		}
	}
	src, ok := content.As[content.Source](dst)
	lists := make([]map[digest.Digest]bool, len(subjects))
	_ = parallel(ctx, looks, len(subjects), func(ctx context.Context, i int) error {
		lists[i] = map[digest.Digest]bool{}
		if !ok {
			return nil
		}
		for d, err := range content.Referrers(ctx, src, subjects[i]) {
			if err != nil {
				return nil // what was listed before it is
			}
			lists[i][d.Digest] = true
		}
		return nil
	})
	for i, subject := range subjects {
		for _, w := range about[subject] {
			if !lists[i][out[w.node.digest].digest] {
				delete(held, w)
			}
		}
	}
	return held
}

func same(a, b v1.Descriptor) bool {
	return a.Digest == b.Digest && a.Size == b.Size && a.MediaType == b.MediaType
}

// needed are the blobs of manifests that are not held, by digest.
func (p *Plan) needed(held map[naming]bool) map[digest.Digest]bool {
	whole := map[*node]bool{}
	for w := range held {
		whole[w.node] = true
	}
	needed := map[digest.Digest]bool{}
	for _, n := range p.order() {
		if whole[n] {
			continue
		}
		for _, d := range n.blobs() {
			needed[d.Digest] = true
		}
	}
	return needed
}
