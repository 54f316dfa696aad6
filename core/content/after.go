package content

import (
	"iter"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// After yields those of tags that follow last, all for "". It is for endpoints whose order is their own, where a tag that is
// not there has no place: it is an error of kind not_found.
func After(tags []string, last, subject string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		found := last == ""
		for _, t := range tags {
			if found && !yield(t, nil) {
				return
			}
			found = found || t == last
		}
		if !found {
			yield("", errs.New(errs.NotFound, subject, "has no tag %q to start after", last))
		}
	}
}
