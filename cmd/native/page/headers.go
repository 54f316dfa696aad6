package page

import (
	"net/http"
	"strings"
)

// contentSecurityPolicy lets the page run what it was built with and nothing else: no inline script or style, no eval but that
// of WebAssembly, and no string becomes markup or a script's URL outside the two named policies (Lit's templates, and the page's own
// for the URL of its Worker). Names, labels and file contents of a hostile image stay text.
// It may connect to every registry over HTTPS, and to those of this machine, which speak plain HTTP.
func contentSecurityPolicy(connect []string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'wasm-unsafe-eval'",
		"worker-src 'self'",
		"style-src 'self'",
		"img-src 'self' blob: data:",
		"font-src 'self'",
		"manifest-src 'self'",
		"connect-src " + strings.Join(append([]string{"'self'", "https:", "http://localhost:*", "http://127.0.0.1:*"}, connect...), " "),
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types lit-html stevedore",
	}, "; ")
}

// secure sets what every answer has. Cross-Origin-Embedder-Policy is not among it: the page shares no memory between threads,
// and under that policy it could not find out whether a registry is there at all when CORS hides it.
func secure(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
}

// describe sets what depends on the file. What lies below assets/ has a hash of its content in its name, and never changes.
func describe(h http.Header, name, tag string) {
	h.Set("Content-Type", mediaType(name))
	if tag != "" {
		h.Set("ETag", tag)
	}
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		return
	}
	h.Set("Cache-Control", "no-cache")
}
