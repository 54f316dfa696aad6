package distspec

import (
	"fmt"
	"strconv"
	"strings"
)

// Range is a part of content: bytes Start to End, both counted from 0, End included.
type Range struct{ Start, End int64 }

// Len is the length in bytes.
func (r Range) Len() int64 { return r.End - r.Start + 1 }

// ParseRange reads a Range header with one range for content of that size (RFC 9110 section 14.1.2): bytes=a-b, a- or -n.
// ok is false where the header is none that can be honoured, so that the whole content is the answer; satisfiable is
// false where the answer is 416.
func ParseRange(h string, size int64) (r Range, ok, satisfiable bool) {
	spec, found := strings.CutPrefix(strings.TrimSpace(h), "bytes=")
	if !found || strings.Contains(spec, ",") {
		return r, false, true
	}
	a, b, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !found {
		return r, false, true
	}
	if a == "" {
		n, valid := number(b)
		if !valid {
			return r, false, true
		}
		if n == 0 || size == 0 {
			return r, true, false
		}
		return Range{max(0, size-n), size - 1}, true, true
	}
	start, valid := number(a)
	if !valid {
		return r, false, true
	}
	end := size - 1
	if b != "" {
		if end, valid = number(b); !valid || end < start {
			return r, false, true
		}
		end = min(end, size-1)
	}
	return Range{start, end}, true, start < size
}

// ParseContentRange reads "bytes a-b/size" or "bytes a-b/*"; size is -1 for the latter.
func ParseContentRange(h string) (r Range, size int64, err error) {
	bad := fmt.Errorf("Content-Range %q is malformed", h)
	spec, found := strings.CutPrefix(h, "bytes ")
	part, total, cut := strings.Cut(spec, "/")
	a, b, dash := strings.Cut(part, "-")
	if !found || !cut || !dash {
		return r, 0, bad
	}
	start, ok1 := number(a)
	end, ok2 := number(b)
	size, ok3 := int64(-1), true
	if total != "*" {
		size, ok3 = number(total)
	}
	if !ok1 || !ok2 || !ok3 || end < start || (size >= 0 && end >= size) {
		return r, 0, bad
	}
	return Range{start, end}, size, nil
}

// number reads decimal digits only: no sign, no space.
func number(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
