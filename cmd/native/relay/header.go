package relay

import (
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// The headers of the protocol.
const (
	// Mark carries the token in a request. In a response it is "answer" where a registry answered, "refused" where the relay
	// did.
	Mark = "X-Stevedore-Relay"
	// Realm carries, in a response, which token endpoints its challenge announces, sealed; and in a request to one of them,
	// the same.
	Realm = "X-Stevedore-Realm"
	// finalURL is where an answer came from, after redirects.
	finalURL = "X-Stevedore-Url"
)

// knows compares in a time that does not tell how much of the token was right.
func (r *Relay) knows(shown []string) bool {
	return len(shown) == 1 && subtle.ConstantTimeCompare([]byte(shown[0]), r.token) == 1
}

// requestHeader takes what a registry client says. Everything else that a browser adds stays here: cookies, Origin, Referer.
func requestHeader(h fetchshim.Header, writes bool) fetchshim.Header {
	pass := []string{"accept", "authorization", "range", "if-range", "if-none-match", "if-modified-since"}
	if writes {
		pass = append(pass, "content-type", "content-range")
	}
	var out fetchshim.Header
	for _, f := range h {
		if slices.Contains(pass, lower(f.Name)) {
			out.Add(f.Name, f.Value)
		}
	}
	out.Add("User-Agent", "stevedore/"+core.Release+" (relay)")
	return out
}

// responseHeader takes what a registry client reads. There is no Content-Encoding among it: a browser would decode, and
// digests are of the bytes as they were stored.
func responseHeader(h fetchshim.Header, writes bool) fetchshim.Header {
	pass := []string{"content-type", "content-length", "content-range", "accept-ranges", "docker-content-digest",
		"docker-distribution-api-version", "etag", "last-modified", "link", "www-authenticate", "retry-after", "date", "warning"}
	if writes { // where an upload goes on
		pass = append(pass, "location", "range", "docker-upload-uuid")
	}
	out := ownHeader()
	for _, f := range h {
		name := lower(f.Name)
		limits := strings.HasPrefix(name, "ratelimit-") || strings.HasPrefix(name, "x-ratelimit-") || name == "docker-ratelimit-source"
		if limits || strings.HasPrefix(name, "oci-") || slices.Contains(pass, name) {
			out.Add(f.Name, f.Value)
		}
	}
	return out
}

// ownHeader is on every response. What a registry says is data of a stranger on the page's own origin: it must not be shown
// as a document, run as a script or kept.
func ownHeader() fetchshim.Header {
	var h fetchshim.Header
	h.Add("Cache-Control", "no-store")
	h.Add("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Add("Content-Disposition", "attachment")
	h.Add("X-Content-Type-Options", "nosniff")
	h.Add("Cross-Origin-Resource-Policy", "same-origin")
	h.Add("Referrer-Policy", "no-referrer")
	return h
}

func lower(s string) string { return strings.ToLower(s) }
