package nethttp

import (
	"maps"
	"net/http"
	"slices"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// fromHTTP sorts by name, since net/http keeps the order of values but not that of names.
func fromHTTP(h http.Header) fetchshim.Header {
	out := make(fetchshim.Header, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			out.Add(name, value)
		}
	}
	return out
}

func toHTTP(h fetchshim.Header) http.Header {
	out := http.Header{}
	for _, f := range h {
		out.Add(f.Name, f.Value)
	}
	return out
}
