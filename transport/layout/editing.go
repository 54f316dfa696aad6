package layout

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// editing is an index.json from which entries are taken away.
type editing struct {
	*index
	src   *Source         // where manifests are read; its entries play no part
	taken []v1.Descriptor // what only they led to goes
	made  []oci.Document  // manifests that the entries need and that are not stored yet
}

// untag takes the entries of a tag away, as pick finds them.
func (x *editing) untag(tag string) error {
	if tag == "" {
		return errs.New(errs.Input, x.src.subject, "names no tag")
	}
	d, err := pick(x.descriptors(), tag, x.src.subject)
	if err != nil {
		return err
	}
	exact := slices.Contains(names(d), tag)
	x.take(func(e entry) bool {
		return e.d.Digest == d.Digest && slices.ContainsFunc(names(e.d), func(n string) bool {
			return n == tag || !exact && strings.HasSuffix(n, ":"+tag)
		})
	})
	return nil
}

// remove takes a manifest away that has entries, or is a referrer that a tag lists, or that nothing leads to.
func (x *editing) remove(ctx context.Context, d digest.Digest) error {
	doc, err := x.src.Manifest(ctx, d.String())
	is := func(e entry) bool { return e.d.Digest == d }
	if !slices.ContainsFunc(x.entries, is) {
		if err != nil {
			return err
		}
		x.taken = append(x.taken, v1.Descriptor{MediaType: doc.MediaType, Digest: d})
	}
	x.take(is)
	if of, ok := doc.Subject(); ok {
		if err := x.unlist(ctx, content.ReferrersTag(of.Digest), d); err != nil {
			return err
		}
	}
	return x.unused(ctx, d)
}

// unlist takes a referrer out of the tag that stands in for the API, and that tag away with the last one (spec.md, "Deleting
// Manifests").
func (x *editing) unlist(ctx context.Context, tag string, d digest.Digest) error {
	list := slices.IndexFunc(x.entries, func(e entry) bool { return e.d.Annotations[v1.AnnotationRefName] == tag })
	if list < 0 {
		return nil
	}
	doc, err := x.src.Manifest(ctx, x.entries[list].d.Digest.String())
	if err != nil || !doc.IsIndex() {
		return err
	}
	o, err := oci.ParseObject(doc.Raw, x.src.subject)
	if err != nil {
		return err
	}
	rest, err := parseIndex(doc.Raw, x.src.subject)
	if err != nil {
		return err
	}
	before := len(rest.entries)
	rest.drop(0, func(e entry) bool { return e.d.Digest == d })
	if len(rest.entries) == before {
		return nil
	}
	old := x.entries[list].d
	if len(rest.entries) == 0 {
		x.take(func(e entry) bool { return e.d.Annotations[v1.AnnotationRefName] == tag })
		return nil
	}
	entries := make([]json.RawMessage, len(rest.entries))
	for i, e := range rest.entries {
		entries[i] = e.raw
	}
	if err := o.Set("manifests", entries); err != nil {
		return err
	}
	raw, err := o.Bytes()
	if err != nil {
		return err
	}
	made := oci.Document{MediaType: doc.MediaType, Raw: raw}
	x.made, x.taken = append(x.made, made), append(x.taken, old)
	_, err = x.tag(tag, made.Descriptor())
	return err
}

// unused fails where an entry leads to d.
func (x *editing) unused(ctx context.Context, d digest.Digest) error {
	for _, e := range x.entries {
		below, err := x.reach(ctx, []v1.Descriptor{e.d})
		if err != nil {
			return err
		}
		if _, ok := below[d]; ok {
			name := describe([]v1.Descriptor{e.d})
			return errs.New(errs.Input, x.src.subject, "%s is a part of %s, which stays", d, name).Hinted("delete %s", name)
		}
	}
	return nil
}

// garbage is what the entries that were taken away led to, and no other one does. The children of an index that have an entry
// without a name, as oras makes them, lose it with the index.
func (x *editing) garbage(ctx context.Context) (map[digest.Digest]bool, error) {
	going := map[digest.Digest]bool{}
	for _, d := range x.taken { // one that cannot be read goes all the same
		below, err := x.reach(ctx, []v1.Descriptor{d})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			below = map[digest.Digest]bool{d.Digest: true}
		}
		for d := range below {
			going[d] = true
		}
	}
	child := func(e entry) bool { return going[e.d.Digest] && len(names(e.d)) == 0 }
	kept, err := x.reach(ctx, descriptors(slices.DeleteFunc(slices.Clone(x.entries), child)))
	if err != nil {
		return nil, err
	}
	for d := range kept {
		delete(going, d)
	}
	x.drop(0, child)
	return going, nil
}

// reach is everything that manifests lead to, themselves included; true marks what was read as a manifest. What is missing leads
// nowhere; what is there and cannot be read is an error, since nobody knows what it needs.
func (x *editing) reach(ctx context.Context, from []v1.Descriptor) (map[digest.Digest]bool, error) {
	seen := map[digest.Digest]bool{}
	for todo := slices.Clone(from); len(todo) > 0; {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		manifest := d.MediaType == "" || slices.Contains(oci.ManifestTypes, d.MediaType)
		if read, ok := seen[d.Digest]; ok && (read || !manifest) {
			continue
		}
		if seen[d.Digest] = manifest; !manifest {
			continue
		}
		below, err := x.below(ctx, d.Digest)
		if err != nil {
			return nil, errs.Wrap(d.Digest.String(), err)
		}
		todo = append(todo, below...)
	}
	return seen, nil
}

// below is what a manifest names.
func (x *editing) below(ctx context.Context, d digest.Digest) ([]v1.Descriptor, error) {
	i := slices.IndexFunc(x.made, func(doc oci.Document) bool { return doc.Digest() == d })
	var doc oci.Document
	if i >= 0 {
		doc = x.made[i]
	} else {
		var err error
		if doc, err = x.src.Manifest(ctx, d.String()); errs.Of(err) == errs.NotFound {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	if doc.IsIndex() {
		list, err := doc.Index()
		return list.Manifests, err
	}
	m, err := doc.Manifest()
	return append([]v1.Descriptor{m.Config}, m.Layers...), err
}

// take moves the entries that match to what was taken.
func (x *editing) take(match func(entry) bool) {
	x.drop(0, func(e entry) bool {
		if !match(e) {
			return false
		}
		x.taken = append(x.taken, e.d)
		return true
	})
}

func (x *editing) descriptors() []v1.Descriptor { return descriptors(x.entries) }

func descriptors(entries []entry) []v1.Descriptor {
	out := make([]v1.Descriptor, len(entries))
	for i, e := range entries {
		out[i] = e.d
	}
	return out
}
