package cli

import (
	"fmt"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// copied prints what copy did: a line for each destination, then what the reader should know.
func (p *printer) copied(o core.CopyOut) error {
	verb := "copied"
	if o.DryRun {
		verb = "would copy"
	}
	for _, d := range o.Destinations {
		for _, r := range d.References {
			fmt.Fprintf(p.w, "%s %s to %s\n", verb, plain(o.Source), p.bold(plain(r)))
		}
		fmt.Fprintf(p.w, "  %s\n", strings.Join(counts(d), ", "))
	}
	fmt.Fprintf(p.w, "  %s\n", o.Digest)
	if o.Digest != o.SourceDigest {
		fmt.Fprintf(p.w, "  %s\n", p.dim("was "+o.SourceDigest.String()))
	}
	for _, l := range o.Left {
		fmt.Fprintf(p.w, "left behind: %s\n", plain(l))
	}
	return nil
}

func counts(d core.Copied) []string {
	out := []string{plural(d.Manifests, "manifest")}
	for _, c := range []struct {
		count xfer.Count
		how   string
	}{{d.Stored, "stored"}, {d.Mounted, "mounted"}, {d.Existed, "there already"}} {
		if c.count.Blobs > 0 {
			out = append(out, fmt.Sprintf("%s (%s) %s", plural(c.count.Blobs, "blob"), size(c.count.Bytes), c.how))
		}
	}
	if d.Repaired > 0 {
		out = append(out, plural(d.Repaired, "blob")+" repaired")
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
