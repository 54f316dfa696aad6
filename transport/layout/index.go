package layout

import (
	"encoding/json"
	"maps"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// index is an index.json under change. What is not changed keeps its bytes, white space aside.
type index struct {
	fields  oci.Object
	entries []entry
}

type entry struct {
	raw json.RawMessage
	d   v1.Descriptor
}

// parseIndex reads an index.json, or begins one where raw is nil.
func parseIndex(raw []byte, subject string) (*index, error) {
	if raw == nil {
		raw = []byte(`{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageIndex + `","manifests":[]}`)
	}
	fields, err := oci.ParseObject(raw, subject)
	if err != nil {
		return nil, err
	}
	x := &index{fields: fields}
	var entries []json.RawMessage
	if list := fields.Get("manifests"); list != nil {
		if err := oci.Unmarshal(list, &entries); err != nil {
			return nil, errs.New(errs.Input, subject, "manifests: %v", err)
		}
	}
	for i, raw := range entries {
		e := entry{raw: raw}
		if err := json.Unmarshal(raw, &e.d); err != nil {
			return nil, errs.New(errs.Input, subject, "manifests[%d]: %v", i, err)
		}
		x.entries = append(x.entries, e)
	}
	return x, nil
}

// bytes is the new content of index.json. It is refused where it would be too large to be read again.
func (x *index) bytes(subject string) ([]byte, error) {
	list := make([]json.RawMessage, 0, len(x.entries))
	for _, e := range x.entries {
		list = append(list, e.raw)
	}
	if err := x.fields.Set("manifests", list); err != nil {
		return nil, err
	}
	b, err := x.fields.Bytes()
	if err != nil {
		return nil, err
	}
	if len(b) > oci.MaxManifest {
		return nil, errs.New(errs.Unsupported, subject, "would be larger than the %d bytes that an index may have", oci.MaxManifest)
	}
	return b, nil
}

// tag makes tag the name of d: the entry that had the name is replaced where it stands, an entry of d without any name gets
// it, and otherwise there is a new one at the end. Whole reference names that end in the tag are left alone. changed is false where
// all was so already.
func (x *index) tag(tag string, d v1.Descriptor) (changed bool, err error) {
	named := func(e entry) bool { return e.d.Annotations[v1.AnnotationRefName] == tag }
	same := func(e entry) bool { return describes(e, d) }
	at := slices.IndexFunc(x.entries, named)
	if at >= 0 {
		all := len(x.entries)
		x.drop(at+1, named) // a name that stood there twice
		if same(x.entries[at]) {
			return len(x.entries) < all, nil
		}
	} else {
		at = slices.IndexFunc(x.entries, func(e entry) bool { return same(e) && len(names(e.d)) == 0 })
		if at >= 0 {
			return true, x.name(at, tag)
		}
		at = len(x.entries)
		x.entries = append(x.entries, entry{})
	}
	d.Annotations = map[string]string{v1.AnnotationRefName: tag}
	return true, x.put(at, d)
}

// list makes sure that there is an entry of d, with a tag or without. changed is false where there was one.
func (x *index) list(d v1.Descriptor) (changed bool, err error) {
	if slices.ContainsFunc(x.entries, func(e entry) bool { return describes(e, d) }) {
		return false, nil
	}
	x.entries = append(x.entries, entry{})
	return true, x.put(len(x.entries)-1, d)
}

// describes says whether an entry is of what d describes. One that is wrong about the size or the type of it is not.
func describes(e entry, d v1.Descriptor) bool {
	return e.d.Digest == d.Digest && e.d.Size == d.Size && e.d.MediaType == d.MediaType
}

func (x *index) put(at int, d v1.Descriptor) error {
	raw, err := json.Marshal(d)
	x.entries[at] = entry{raw, d}
	return err
}

// name adds a tag to the annotations of an entry, whose other fields stay as they are.
func (x *index) name(at int, tag string) error {
	e := &x.entries[at]
	o, err := oci.ParseObject(e.raw, v1.ImageIndexFile)
	if err != nil {
		return err
	}
	annotations := maps.Clone(e.d.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1.AnnotationRefName] = tag
	if err := o.Set("annotations", annotations); err != nil {
		return err
	}
	if e.raw, err = o.Bytes(); err != nil {
		return err
	}
	return json.Unmarshal(e.raw, &e.d)
}

// drop removes the entries from position from on that match.
func (x *index) drop(from int, match func(entry) bool) {
	rest := slices.DeleteFunc(slices.Clone(x.entries[from:]), match)
	x.entries = append(x.entries[:from], rest...)
}
