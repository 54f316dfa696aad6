package xfer

import (
	"context"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
)

// looks is how many manifests are looked for at once: a look is a request without a body.
const looks = 16

// naming is a manifest under one of its names at the destination; "" is its SHA-256 digest.
type naming struct {
	node *node
	name string
}

// namings lists what the copy writes, in the order in which it is written: children first, the root under its names last.
func (m *mover) namings(out map[digest.Digest]output, names []string) []naming {
	var all []naming
	for _, n := range m.order() {
		if n == m.root && len(m.extras) == 0 {
			continue // its names are written below, and nothing has to find it before
		}
		all = append(all, naming{n, identity(out[n.digest])})
	}
	for _, e := range m.extras {
		if e.tag != "" {
			all = append(all, naming{e.node, e.tag})
		}
	}
	if len(names) == 0 {
		names = []string{identity(out[m.root.digest])}
	}
	for _, name := range names {
		all = append(all, naming{m.root, name})
	}
	return all
}

// held finds out which manifests are there under their names already, at an endpoint that answers that without sending them.
// They are not written, and blobs that only they list are not looked for: registries take a manifest when they have what it
// lists, and a copy that has nothing to do is a question and changes nothing. Where the root is not there, nothing else is asked
// for. It is no reason to fail: what is not known is written. all says that nothing is left to write.
func (m *mover) held(ctx context.Context, names []string) (held map[naming]bool, all bool) {
	resolver, ok := content.As[content.Resolver](m.dst)
	if !ok || m.o.VerifyExisting || m.o.Compress != "" { // digests of what is compressed anew are not known yet
		return nil, false
	}
	out, err := m.rewrite(nil)
	if err != nil {
		return nil, false
	}
	roots, others := []naming{{m.root, identity(out[m.root.digest])}}, []naming{}
	writes := m.namings(out, names)
	for _, w := range writes {
		switch {
		case w.node != m.root:
			others = append(others, w)
		case w != roots[0]:
			roots = append(roots, w)
		}
	}
	held = map[naming]bool{}
	if m.look(ctx, resolver, out, roots, held); len(held) > 0 {
		m.look(ctx, resolver, out, others, held)
	}
	return held, !slices.ContainsFunc(writes, func(w naming) bool { return !held[w] })
}

// look adds to held what of all the resolver knows. What has a subject is written in any case, since only that mends a list of
// referrers that a client keeps.
func (m *mover) look(ctx context.Context, resolver content.Resolver, out map[digest.Digest]output, all []naming, held map[naming]bool) {
	var mu sync.Mutex
	_ = parallel(ctx, looks, len(all), func(ctx context.Context, i int) error {
		o := out[all[i].node.digest]
		if _, refers := o.doc.Subject(); refers {
			return nil
		}
		name := all[i].name
		if name == "" {
			name = o.doc.Digest().String()
		}
		if d, err := resolver.Resolve(ctx, name); err == nil && same(d, o.descriptor()) {
			mu.Lock()
			held[all[i]] = true
			mu.Unlock()
		}
		return nil
	}) // an error is that it was cancelled, which the next step finds, too
}

func same(a, b v1.Descriptor) bool {
	return a.Digest == b.Digest && a.Size == b.Size && a.MediaType == b.MediaType
}

// needed are the blobs of manifests that are not held, by digest.
func (m *mover) needed(held map[naming]bool) map[digest.Digest]bool {
	whole := map[*node]bool{}
	for w := range held {
		whole[w.node] = true
	}
	needed := map[digest.Digest]bool{}
	for _, n := range m.order() {
		if whole[n] {
			continue
		}
		for _, d := range n.blobs() {
			needed[d.Digest] = true
		}
	}
	return needed
}
