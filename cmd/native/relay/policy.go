package relay

import (
	"slices"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// rule is what may be asked of an endpoint, and how much may come back.
type rule struct {
	methods    []string
	limit      int64 // bytes of a good answer; 0: none
	noRedirect bool
}

// ruleOf is the whole policy of methods: a method that is not listed here for an endpoint is refused, and so is an endpoint
// that is not listed. The relay reads.
func ruleOf(k distspec.Kind) rule {
	read := []string{"GET", "HEAD"}
	switch k {
	case distspec.Base:
		return rule{methods: read, limit: maxError}
	case distspec.Manifest, distspec.Tags, distspec.Referrers, distspec.Catalog:
		return rule{methods: read, limit: oci.MaxManifest}
	case distspec.Blob:
		return rule{methods: read}
	}
	return rule{}
}

// tokenRule is that of an endpoint that a challenge announced.
func tokenRule() rule { return rule{methods: []string{"GET"}, limit: maxToken, noRedirect: true} }

func (r rule) check(method string) error {
	switch {
	case len(r.methods) == 0:
		return refusal{status: 403, kind: fetchshim.Refused, message: "this is no endpoint that reading a registry takes"}
	case !slices.Contains(r.methods, method):
		return refusal{status: 405, kind: fetchshim.Unsupported, message: method + " is not forwarded: the relay only reads", allow: r.methods}
	}
	return nil
}
