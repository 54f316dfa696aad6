package cli

import (
	"fmt"

	"github.com/stevedore-oci/stevedore/core"
)

// layers prints a line for one layer as soon as it was read: what it is, and what it does to those below.
func (p *printer) layers(it core.LayersItem) error {
	switch {
	case it.Entry != nil:
		return p.file(*it.Entry)
	case it.File != nil:
		return p.file(*it.File)
	}
	l := it.Layer
	what := fmt.Sprintf("+%d (%s)", l.Added.Files, size(l.Added.Bytes))
	if l.Changed.Files > 0 {
		what += fmt.Sprintf(" ~%d (%s)", l.Changed.Files, size(l.Changed.Bytes))
	}
	if l.Hidden.Files > 0 {
		what += fmt.Sprintf(" -%d (%s)", l.Hidden.Files, size(l.Hidden.Bytes))
	}
	_, err := fmt.Fprintf(p.w, "%s  %s  %s  %-32s  %s\n", p.bold(fmt.Sprintf("%3d", l.Index)), short(l.Digest), pad(size(l.Size), 7), what,
		p.dim(p.rest(l.CreatedBy, 70)))
	return err
}
