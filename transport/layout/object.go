package layout

import (
	"bytes"
	"encoding/json"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// object is a JSON object whose fields keep their order and their bytes, also those that nobody here knows.
type object []field

type field struct {
	name  string
	value json.RawMessage
}

// parseObject reads an object; of fields with one name the last counts, as encoding/json has it.
func parseObject(raw []byte, subject string) (object, error) {
	bad := func(err error) error { return errs.New(errs.Input, subject, "%v", err) }
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errs.New(errs.Input, subject, "is not a JSON object")
	}
	var o object
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, bad(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, bad(err)
		}
		o.set(name.(string), value) // Token checks that the names of an object are strings
	}
	if _, err := d.Token(); err != nil {
		return nil, bad(err)
	}
	return o, nil
}

func (o object) get(name string) json.RawMessage {
	for _, f := range o {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

func (o *object) set(name string, value json.RawMessage) {
	for i, f := range *o {
		if f.name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, field{name, value})
}

// bytes writes the values as they were read.
func (o object) bytes() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(f.name) // a string cannot fail
		b.Write(name)
		b.WriteByte(':')
		b.Write(f.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}
