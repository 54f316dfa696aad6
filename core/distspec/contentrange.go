package distspec

import "fmt"

// ContentRange is the Content-Range header of a 206 with the range of content of size bytes (RFC 9110 section 14.4,
// https://www.rfc-editor.org/rfc/rfc9110#section-14.4).
func (r Range) ContentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.Start, r.End, size)
}

// Unsatisfied is the Content-Range header of a 416 for content of size bytes.
func Unsatisfied(size int64) string { return fmt.Sprintf("bytes */%d", size) }
