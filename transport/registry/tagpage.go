package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// tagPage reads {"name": …, "tags": [ … ]} value by value: a page held as a list of strings would take many times its size.
type tagPage struct {
	d           *json.Decoder
	first, last string // tags; "" for a page without any
}

// newTagPage reads from memory: json.Decoder looks at white space again with every piece that it gets from elsewhere.
func newTagPage(raw []byte) *tagPage { return &tagPage{d: json.NewDecoder(bytes.NewReader(raw))} }

// read calls tag for each tag as it comes, until that fails.
func (p *tagPage) read(tag func(string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.d.More() {
		key, err := p.d.Token()
		if err != nil {
			return err
		}
		if key == "tags" {
			err = p.tags(tag)
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

// tags reads the list, or null for an empty one.
func (p *tagPage) tags(tag func(string) error) error {
	t, err := p.d.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("tags is no list")
	}
	for p.d.More() {
		t, err := p.d.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return fmt.Errorf("a tag is %v", t)
		}
		if err := tag(s); err != nil {
			return err
		}
		if p.last = s; p.first == "" {
			p.first = s
		}
	}
	return p.delim(']')
}

// skip passes over one value.
func (p *tagPage) skip() error {
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

func (p *tagPage) delim(want json.Delim) error {
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
