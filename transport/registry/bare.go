package registry

import (
	"sync/atomic"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// bare tells whether a repository has nothing as far as is known: names were looked for, and none was there. The zero value has
// not looked.
type bare struct {
	missed, found atomic.Bool
}

// note takes the outcome of a look.
func (b *bare) note(err error) {
	if errs.Of(err) == errs.NotFound {
		b.missed.Store(true)
	} else {
		b.found.Store(true)
	}
}

func (b *bare) is() bool { return b.missed.Load() && !b.found.Load() }
