package fetchshim

import "strings"

// Field is one header line.
type Field struct{ Name, Value string }

// Header is a list of header lines in their order. Names compare without regard to case; a name may repeat, as
// WWW-Authenticate and Link do (RFC 9110 section 5.2, https://www.rfc-editor.org/rfc/rfc9110#section-5.2).
type Header []Field

// Get returns the first value of name, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Values returns every value of name in order.
func (h Header) Values(name string) []string {
	var out []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// Add appends a line.
func (h *Header) Add(name, value string) { *h = append(*h, Field{name, value}) }

// Set replaces every line of name by one.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes every line of name. It never changes the array of a header that h was copied from.
func (h *Header) Del(name string) {
	var kept Header
	for _, f := range *h {
		if !strings.EqualFold(f.Name, name) {
			kept = append(kept, f)
		}
	}
	*h = kept
}

// Clone returns a copy that shares nothing with h.
func (h Header) Clone() Header { return append(Header(nil), h...) }
