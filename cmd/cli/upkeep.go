package cli

import (
	"fmt"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
)

// validated prints a line for one manifest or blob.
func (p *printer) validated(it core.ValidateItem) error {
	state := p.paint("32", "ok   ")
	if it.Error != nil {
		state = p.paint("31", "WRONG")
	}
	fmt.Fprintf(p.w, "%s %-8s %s  %s\n", state, it.Kind, it.Digest, size(it.Size))
	if it.Error != nil {
		fmt.Fprintf(p.w, "      %s\n", plain(it.Error.Message))
	}
	return p.Flush()
}

func (p *printer) tagged(o core.TagOut) error {
	_, err := fmt.Fprintf(p.w, "%s  %s\n", o.Digest, plain(strings.Join(o.Tags, " ")))
	return err
}

func (p *printer) deleted(o core.DeleteOut) error {
	verb := "deleted"
	if o.DryRun {
		verb = "would delete"
	}
	for _, d := range o.Referrers {
		fmt.Fprintf(p.w, "%s %s, which refers to it\n", verb, d)
	}
	what := "the tag " + plain(o.Tag) + ", and left the manifest"
	if o.Manifest {
		what = "the manifest"
	}
	_, err := fmt.Fprintf(p.w, "%s %s %s\n", verb, what, o.Digest)
	return err
}
