package distspec

import (
	"fmt"
	"math"
	"strings"
)

// ContentRange is the Content-Range header of a 206 with the range of content of size bytes (RFC 9110 section 14.4,
// https://www.rfc-editor.org/rfc/rfc9110#section-14.4).
func (r Range) ContentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", r.Start, r.End, size)
}

// Unsatisfied is the Content-Range header of a 416 for content of size bytes.
func Unsatisfied(size int64) string { return fmt.Sprintf("bytes */%d", size) }

// ParseUploadRange reads the Range header in which a registry says how much of an upload it has, as a number of bytes:
// "0-99" for 100 (spec.md, "Pushing a blob in chunks"). "0-0" is what the distribution project's registry says of an upload
// without a byte, so it counts for nothing.
func ParseUploadRange(h string) (have int64, ok bool) {
	a, b, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(h), "bytes="), "-")
	start, ok1 := number(a)
	end, ok2 := number(b)
	switch {
	case !found || !ok1 || !ok2 || start != 0 || end == math.MaxInt64:
		return 0, false
	case end == 0:
		return 0, true
	}
	return end + 1, true
}

// UploadRange is that header for have bytes.
func UploadRange(have int64) string { return fmt.Sprintf("0-%d", max(have-1, 0)) }

// ParseChunkRange reads the Content-Range header of a chunk, "100-199", which is not the one of RFC 9110 (spec.md, "Pushing a
// blob in chunks").
func ParseChunkRange(h string) (start, n int64, ok bool) {
	a, b, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(h), "bytes "), "-")
	start, ok1 := number(a)
	end, ok2 := number(b)
	if !found || !ok1 || !ok2 || end < start || end == math.MaxInt64 {
		return 0, 0, false
	}
	return start, end - start + 1, true
}
