package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// page reads {"name": …, "tags": [ … ]}, or another field, value by value: a page held as a list of strings would take many times its size.
type page struct {
	d           *json.Decoder
	field       string // that has the list
	first, last string // names; "" for a page without any
}

// newPage reads from memory: json.Decoder looks at white space again with every piece that it gets from elsewhere.
func newPage(raw []byte, field string) *page {
	return &page{d: json.NewDecoder(bytes.NewReader(raw)), field: field}
}

// read calls name for each name as it comes, until that fails.
func (p *page) read(name func(string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.d.More() {
		key, err := p.d.Token()
		if err != nil {
			return err
		}
		if key == p.field {
			err = p.names(name)
		} else {
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
	if err := p.delim('}'); err != nil {
		return err
	}
	if _, err := p.d.Token(); err != io.EOF {
		return errors.Join(err, errors.New("something follows the JSON object"))
	}
	return nil
}

// names reads the list, or null for an empty one.
func (p *page) names(name func(string) error) error {
	t, err := p.d.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("%s is no list", p.field)
	}
	for p.d.More() {
		t, err := p.d.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return fmt.Errorf("one of %s is %v", p.field, t)
		}
		if err := name(s); err != nil {
			return err
		}
		if p.last = s; p.first == "" {
			p.first = s
		}
	}
	return p.delim(']')
}

// skip passes over one value.
func (p *page) skip() error {
	for depth := 0; ; {
		t, err := p.d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}

func (p *page) delim(want json.Delim) error {
	t, err := p.d.Token()
	switch {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case t != want:
		return fmt.Errorf("%v stands where %v is due", t, want)
	}
	return nil
}
