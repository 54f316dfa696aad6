package distspec

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a registry can ask for.
const maxRetryAfter = 365 * 24 * time.Hour

// RetryAfter reads a Retry-After header, a number of seconds or a date (RFC 9110 section 10.2.3,
// https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3), as the time to wait from now on; never negative. Registries and
// the proxies before them also send fractions of a second ("1.5"), durations as Go prints them ("711.421µs"), Unix times,
// dates with a numeric zone, and the same line twice ("30, 30"). ok is false where there is none that can be read.
func RetryAfter(header string, now time.Time) (wait time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	for _, layout := range dates {
		if at, err := time.Parse(layout, header); err == nil {
			return bounded(at.Sub(now)), true
		}
	}
	header, _, _ = strings.Cut(header, ",")
	header = strings.TrimSpace(header)
	if n, err := strconv.ParseFloat(header, 64); err == nil && n >= 0 && !math.IsInf(n, 0) {
		if at := time.Unix(int64(min(n, math.MaxInt32)), 0); n > maxRetryAfter.Seconds() && n <= math.MaxInt32 {
			return bounded(at.Sub(now)), true
		}
		return bounded(time.Duration(min(n, maxRetryAfter.Seconds()) * float64(time.Second))), true
	}
	if d, err := time.ParseDuration(header); err == nil && d >= 0 {
		return bounded(d), true
	}
	return 0, false
}

// dates are the three forms of an HTTP-date (RFC 9110 section 5.6.7), and two that are seen in its place.
var dates = []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC, time.RFC1123Z, time.RFC3339}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxRetryAfter) }

// ParseRateLimit reads a RateLimit-Limit or RateLimit-Remaining header as Docker Hub sends it, "100;w=21600": a number of
// requests in a window of so many seconds (https://docs.docker.com/docker-hub/usage/pulls/). window is 0 where it is not told.
func ParseRateLimit(h string) (n int64, window time.Duration, ok bool) {
	count, rest, _ := strings.Cut(strings.TrimSpace(h), ";")
	if n, ok = number(strings.TrimSpace(count)); !ok {
		return 0, 0, false
	}
	for p := range strings.SplitSeq(rest, ";") {
		if seconds, found := strings.CutPrefix(strings.TrimSpace(p), "w="); found {
			if s, valid := number(seconds); valid {
				window = time.Duration(min(s, int64(maxRetryAfter/time.Second))) * time.Second
			}
		}
	}
	return n, window, true
}
