package ref

import "strings"

// Loopback says whether host[:port] is this machine: localhost, 127.0.0.0/8 or ::1. Registries there are spoken to over
// plain HTTP unless somebody says otherwise.
func Loopback(host string) bool {
	name := host
	if strings.HasPrefix(name, "[") {
		name, _, _ = strings.Cut(name[1:], "]")
		return name == "::1"
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[:i]
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	rest, ok := strings.CutPrefix(name, "127.")
	return ok && all(rest, "0123456789.") && strings.Count(rest, ".") == 2
}
