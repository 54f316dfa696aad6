package layout

import (
	"encoding/json"
	"slices"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// index is an index.json under change. What is not changed keeps its bytes.
type index struct {
	fields  object
	entries []entry
}

type entry struct {
	raw json.RawMessage
	d   v1.Descriptor
}

// parseIndex reads an index.json, or begins one where raw is nil.
func parseIndex(raw []byte, subject string) (*index, error) {
	if raw == nil {
		return &index{fields: object{
			{"schemaVersion", json.RawMessage("2")},
			{"mediaType", json.RawMessage(`"` + v1.MediaTypeImageIndex + `"`)},
			{"manifests", nil},
		}}, nil
	}
	fields, err := parseObject(raw, subject)
	if err != nil {
		return nil, err
	}
	x := &index{fields: fields}
	var entries []json.RawMessage
	if list := fields.get("manifests"); list != nil {
		if err := json.Unmarshal(list, &entries); err != nil {
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
	list := []byte{'['}
	for i, e := range x.entries {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, e.raw...)
	}
	x.fields.set("manifests", append(list, ']'))
	b := x.fields.bytes()
	if len(b) > oci.MaxManifest {
		return nil, errs.New(errs.Unsupported, subject, "would be larger than the %d bytes that an index may have", oci.MaxManifest)
	}
	return b, nil
}

// tag makes tag the name of doc: the entry that had the name is replaced where it stands, an entry of doc without any
// name gets it, and otherwise there is a new one at the end. Whole reference names that end in the tag are left alone.
func (x *index) tag(tag string, doc oci.Document) error {
	named := func(e entry) bool { return e.d.Annotations[v1.AnnotationRefName] == tag }
	at := slices.IndexFunc(x.entries, named)
	if at >= 0 && x.entries[at].d.Digest == doc.Digest() {
		x.drop(at+1, named)
		return nil
	}
	if at >= 0 {
		x.drop(at+1, named)
	} else {
		at = slices.IndexFunc(x.entries, func(e entry) bool { return e.d.Digest == doc.Digest() && len(names(e.d)) == 0 })
		if at >= 0 {
			return x.name(at, tag)
		}
		at = len(x.entries)
		x.entries = append(x.entries, entry{})
	}
	d := doc.Descriptor()
	d.Annotations = map[string]string{v1.AnnotationRefName: tag}
	return x.put(at, d)
}

// list makes sure that there is an entry of doc, with a tag or without.
func (x *index) list(doc oci.Document) error {
	if slices.ContainsFunc(x.entries, func(e entry) bool { return e.d.Digest == doc.Digest() }) {
		return nil
	}
	x.entries = append(x.entries, entry{})
	return x.put(len(x.entries)-1, doc.Descriptor())
}

func (x *index) put(at int, d v1.Descriptor) error {
	raw, err := json.Marshal(d)
	x.entries[at] = entry{raw, d}
	return err
}

// name adds a tag to the annotations of an entry, whose other fields stay as they are.
func (x *index) name(at int, tag string) error {
	e := &x.entries[at]
	fields, err := parseObject(e.raw, v1.ImageIndexFile)
	if err != nil {
		return err
	}
	var annotations object
	if raw := fields.get("annotations"); raw != nil && string(raw) != "null" {
		if annotations, err = parseObject(raw, v1.ImageIndexFile); err != nil {
			return err
		}
	}
	value, err := json.Marshal(tag)
	if err != nil {
		return err
	}
	annotations.set(v1.AnnotationRefName, value)
	fields.set("annotations", annotations.bytes())
	e.raw = fields.bytes()
	return json.Unmarshal(e.raw, &e.d)
}

// drop removes the entries from position from on that match.
func (x *index) drop(from int, match func(entry) bool) {
	rest := slices.DeleteFunc(slices.Clone(x.entries[from:]), match)
	x.entries = append(x.entries[:from], rest...)
}

// children are the digests that the indexes among docs list, by which the manifests are reached without an entry of
// their own.
func children(docs []oci.Document) (map[digest.Digest]bool, error) {
	in := map[digest.Digest]bool{}
	for _, doc := range docs {
		if !doc.IsIndex() {
			continue
		}
		x, err := doc.Index()
		if err != nil {
			return nil, err
		}
		for _, c := range x.Manifests {
			in[c.Digest] = true
		}
	}
	return in, nil
}
