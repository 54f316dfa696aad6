package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/content"
)

// validated prints a line for one manifest or blob.
func (p *printer) validated(it core.ValidateItem) error {
	state := p.paint("32", "ok   ")
	if it.Error != nil {
		state = p.paint("31", "WRONG")
	}
	fmt.Fprintf(p.w, "%s %-8s %s  %s\n", state, it.Kind, p.digest(it.Digest, 25), size(it.Size))
	if it.Error != nil {
		fmt.Fprintf(p.w, "      %s\n", plain(it.Error.Message))
	}
	return p.Flush()
}

func (p *printer) tagged(o core.TagOut) error {
	_, err := fmt.Fprintf(p.w, "%s  %s\n", o.Digest, plain(strings.Join(o.Tags, " ")))
	return err
}

func (p *printer) cleaned(o core.CleanOut) error {
	verb := "removed"
	if o.DryRun {
		verb = "would remove"
	}
	for _, l := range o.Leftovers {
		fmt.Fprintf(p.w, "%s  %s\n", p.digest(l.Digest, 25), size(l.Size))
	}
	_, err := fmt.Fprintf(p.w, "%s %s of %s\n", verb, size(o.Bytes), plural(len(o.Leftovers), "blob"))
	return err
}

func (p *printer) deleted(o core.DeleteOut) error {
	verb, left := "deleted", "left"
	if o.DryRun {
		verb, left = "would delete", "leave"
	}
	for _, d := range o.Referrers {
		fmt.Fprintf(p.w, "%s %s, which refers to it\n", verb, d)
	}
	what := "the tag " + plain(o.Tag) + ", and " + left + " the manifest"
	if o.Manifest {
		what = "the manifest"
	}
	_, err := fmt.Fprintf(p.w, "%s %s %s\n", verb, what, o.Digest)
	return err
}

// probed prints what a registry can do, a line for each.
func (p *printer) probed(a content.Abilities) error {
	t := p.table()
	row := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	row("Registry:", plain(a.Registry)+p.dim(" at "+plain(a.Origin)))
	row("Authentication:", cmp.Or(plain(strings.Join(a.Auth, ", ")), "none"))
	can := a.Named()
	for _, r := range []struct{ label, name string }{
		{"Tags", "tags"}, {"Catalog", "catalog"}, {"Referrers", "referrers"}, {"Ranges", "ranges"}, {"Digest by HEAD", "digest"},
		{"Push", "push"}, {"Anonymous mount", "anonymousMount"}, {"Chunks", "chunks"}, {"Upload status", "uploadStatus"}, {"Upload cancel", "uploadCancel"},
		{"Delete manifest", "deleteManifest"}, {"Delete tag", "deleteTag"}, {"Delete blob", "deleteBlob"},
	} {
		said := string(can[r.name])
		if why := a.Why[r.name]; why != "" {
			said += p.dim(": " + plain(why))
		}
		row(r.label+":", said)
	}
	if a.ChunkMin > 0 {
		row("Smallest chunk:", size(a.ChunkMin))
	}
	row("Pages may read:", cmp.Or(plain(a.AllowOrigin), "none"))
	if a.AllowOrigin != "" {
		row("Headers they see:", cmp.Or(plain(strings.Join(a.ExposeHeaders, ", ")), "none"))
	}
	if a.RateLimit > 0 {
		row("Rate limit:", fmt.Sprintf("%d of %d left in %d s", a.RateRemaining, a.RateLimit, a.RateWindow))
	}
	return t.Flush()
}
