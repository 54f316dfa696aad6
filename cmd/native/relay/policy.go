package relay

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// rule is what may be asked of an endpoint, and how much may go there and come back.
type rule struct {
	methods []string
	// writes are methods that change a registry, or go on with a change, and the bytes that their body may have. No redirect of
	// their answers is followed.
	writes     map[string]int64
	limit      int64 // bytes of a good answer; 0: none
	noRedirect bool
}

// anyLength is the limit of a body that has none.
const anyLength = math.MaxInt64

// ruleOf is the whole policy of methods: a method that is not listed here for an endpoint is refused, and so is an endpoint
// that is not listed. The relay reads, and writes to registries that the user named for it.
func ruleOf(k distspec.Kind, push bool) rule {
	r := rule{methods: []string{"GET", "HEAD"}}
	writes := map[string]int64{}
	switch k {
	case distspec.Base:
		r.limit = maxError
	case distspec.Manifest:
		r.limit = oci.MaxManifest
		writes = map[string]int64{"PUT": oci.MaxManifest, "DELETE": 0}
	case distspec.Tags, distspec.Referrers, distspec.Catalog:
		r.limit = oci.MaxManifest
	case distspec.Blob:
		writes = map[string]int64{"DELETE": 0}
	case distspec.Upload:
		r = rule{limit: maxError}
		writes = map[string]int64{"POST": 0, "PATCH": anyLength, "PUT": anyLength, "GET": 0, "DELETE": 0}
	default:
		return rule{}
	}
	if push {
		r.writes = writes
	}
	return r
}

// tokenRule is that of an endpoint that a challenge announced.
func tokenRule() rule { return rule{methods: []string{"GET"}, limit: maxToken, noRedirect: true} }

func (r rule) check(req *fetchshim.Request) error {
	room, writes := r.writes[req.Method]
	switch {
	case len(r.methods) == 0 && len(r.writes) == 0:
		return refusal{status: 403, kind: fetchshim.Refused, message: "this is no endpoint that reading a registry takes"}
	case !writes && !slices.Contains(r.methods, req.Method):
		allow := append(slices.Clone(r.methods), slices.Sorted(maps.Keys(r.writes))...)
		return refusal{status: 405, kind: fetchshim.Unsupported, message: req.Method + " is not forwarded here", allow: allow}
	case req.Body == nil, room == anyLength:
		return nil
	case room == 0:
		return refusal{status: 413, kind: fetchshim.Unsupported, message: "the relay takes no request body here"}
	case req.Body.Len() < 0 || req.Body.Len() > room:
		return refusal{status: 413, kind: fetchshim.Unsupported, message: fmt.Sprintf("the relay takes a body of %d bytes here at most", room)}
	}
	return nil
}
