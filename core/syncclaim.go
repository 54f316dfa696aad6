package core

import (
	"path"
	"slices"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
)

// claims are the tasks of a run by what they write.
type claims map[ref.Reference]task

// take says whether t has to be done: not when the run has the same task already, as overlapping rules of one file give. A task that
// would write another image under the same name gets an error, since it would be chance which of them came last.
func (c claims) take(t task) (task, bool) {
	r, err := ref.Parse(t.dest)
	if err != nil || t.err != nil || t.source == "" {
		return t, true
	}
	r.Typed, r.Path = "", path.Clean(r.Path)
	first, taken := c[r]
	switch {
	case !taken:
		c[r] = t
	case first.source == t.source && slices.Equal(first.job.Platforms, t.job.Platforms):
		return t, first.job.Referrers != t.job.Referrers || first.job.DigestTags != t.job.DigestTags
	case r.Ident() != "" && (r.Digest == "" || !slices.Equal(first.job.Platforms, t.job.Platforms)):
		t.err = errs.New(errs.Input, t.dest, "%s is copied there by the same run, and one name is one image", first.source)
	}
	return t, true
}
