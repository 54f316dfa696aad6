package distspec

import (
	"strings"
	"time"
)

// maxRetryAfter bounds what a registry can ask for.
const maxRetryAfter = 365 * 24 * time.Hour

// RetryAfter reads a Retry-After header, a number of seconds or a date (RFC 9110 section 10.2.3,
// https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3), as the time to wait from now on; never negative. ok is false
// where there is none that can be read.
func RetryAfter(header string, now time.Time) (wait time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	if n, ok := number(header); ok {
		return time.Duration(min(n, int64(maxRetryAfter/time.Second))) * time.Second, true
	}
	// The three forms of HTTP-date (section 5.6.7).
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if at, err := time.Parse(layout, header); err == nil {
			return min(max(at.Sub(now), 0), maxRetryAfter), true
		}
	}
	return 0, false
}
