package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Object is a JSON object for code that has to change a document: members keep their order, and those that it does not
// know keep their bytes, white space aside. Every change gives the document a new digest.
type Object struct{ members []member }

type member struct {
	name  string
	value json.RawMessage
}

// ParseObject reads a JSON object. A member that occurs twice is an error of kind input, since decoders differ in which one
// they believe.
func ParseObject(raw []byte, subject string) (Object, error) {
	var o Object
	if err := CheckValues(raw); err != nil {
		return o, errs.New(errs.Input, subject, "%v", err)
	}
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return o, errs.New(errs.Input, subject, "is not a JSON object")
	}
	for d.More() {
		var m member
		t, err := d.Token()
		if err == nil {
			m.name = t.(string)
			err = d.Decode(&m.value)
		}
		if err != nil {
			return o, errs.New(errs.Input, subject, "%v", err)
		}
		if seen[m.name] {
			return o, errs.New(errs.Input, subject, "has the member %q twice", m.name)
		}
		seen[m.name] = true
		o.members = append(o.members, m)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return o, errs.New(errs.Input, subject, "the JSON object has no end")
	}
	if _, err := d.Token(); err != io.EOF {
		return o, errs.New(errs.Input, subject, "something follows the JSON object")
	}
	return o, nil
}

func (o Object) index(name string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.name == name })
}

// Get returns the JSON of a member, nil where there is none.
func (o Object) Get(name string) json.RawMessage {
	if i := o.index(name); i >= 0 {
		return o.members[i].value
	}
	return nil
}

// Set gives a member the JSON of v, in its place or at the end.
func (o *Object) Set(name string, v any) error {
	raw, err := marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if i := o.index(name); i >= 0 {
		o.members[i].value = raw
		return nil
	}
	o.members = append(o.members, member{name, raw})
	return nil
}

// Delete drops a member and says whether it was there.
func (o *Object) Delete(name string) bool {
	n := len(o.members)
	o.members = slices.DeleteFunc(o.members, func(m member) bool { return m.name == name })
	return len(o.members) < n
}

// Bytes writes the members in their order, without white space.
func (o Object) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := marshal(m.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		if err := json.Compact(&b, m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal leaves < > & as they are: they are no danger in a manifest, and escaping them would change what was not touched.
func marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case Object:
		return v.Bytes()
	case []Object:
		return marshalList(v)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func marshalList(list []Object) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, o := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		raw, err := o.Bytes()
		if err != nil {
			return nil, err
		}
		b.Write(raw)
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// Objects reads a member that is a list of objects, as the descriptors of a document are; none where it is absent.
func (o Object) Objects(name, subject string) ([]Object, error) {
	raw := o.Get(name)
	if raw == nil {
		return nil, nil
	}
	var list []json.RawMessage
	if err := Unmarshal(raw, &list); err != nil {
		return nil, errs.New(errs.Input, subject, "%s: %v", name, err)
	}
	out := make([]Object, 0, len(list))
	for i, r := range list {
		e, err := ParseObject(r, fmt.Sprintf("%s: %s[%d]", subject, name, i))
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
