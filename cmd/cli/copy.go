package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/xfer"
)

// copied prints what copy did: a line for each destination, then what the reader should know.
func (p *printer) copied(o core.CopyOut) error {
	for i, d := range o.Destinations {
		line := "copied %s to %s\n"
		switch {
		case d.Nothing():
			line = "unchanged %s at %s\n"
		case o.DryRun:
			line = "would copy %s to %s\n"
		}
		for _, r := range d.References {
			fmt.Fprintf(p.w, line, plain(o.Source), p.bold(plain(r)))
		}
		fmt.Fprintf(p.w, "  %s\n", strings.Join(counts(d, o.DryRun), ", "))
		if i+1 < len(o.Destinations) && o.Destinations[i+1].Digest == d.Digest {
			continue // it is told once for all that have it
		}
		fmt.Fprintf(p.w, "  %s\n", d.Digest)
	}
	one := !slices.ContainsFunc(o.Destinations, func(d core.Copied) bool { return d.Digest != o.Digest })
	if one && o.Digest != o.SourceDigest { // else one of them holds an image of an index, which is what it was
		fmt.Fprintf(p.w, "  %s\n", p.dim("was "+o.SourceDigest.String()))
	}
	for _, l := range o.Left {
		fmt.Fprintf(p.w, "left behind: %s\n", plain(l))
	}
	return nil
}

func counts(d core.Copied, dry bool) []string {
	stored, mounted := "stored", "mounted"
	if dry {
		stored, mounted = "to store", "to mount"
	}
	var linked xfer.Count
	if d.Linked != nil {
		linked = *d.Linked
	}
	wrote := xfer.Count{Blobs: d.Stored.Blobs - linked.Blobs, Bytes: d.Stored.Bytes - linked.Bytes}
	out := []string{plural(d.Manifests, "manifest")}
	if d.Written < d.Manifests && !d.Nothing() { // where nothing was written, all of the line is there already
		out[0] = fmt.Sprintf("%d of %s", d.Written, out[0])
	}
	for _, c := range []struct {
		count xfer.Count
		how   string
	}{{wrote, stored}, {linked, "linked"}, {d.Mounted, mounted}, {d.Existed, "there already"}} {
		if c.count.Blobs > 0 {
			out = append(out, fmt.Sprintf("%s (%s) %s", plural(c.count.Blobs, "blob"), size(c.count.Bytes), c.how))
		}
	}
	if d.Repaired > 0 {
		out = append(out, plural(d.Repaired, "blob")+" repaired")
	}
	switch d.Retries {
	case 0:
	case 1:
		out = append(out, "1 retry")
	default:
		out = append(out, fmt.Sprintf("%d retries", d.Retries))
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// synced prints a line for one image of a sync, at once, since the next one may take long.
func (p *printer) synced(it core.SyncItem) error {
	name := plain(it.Destination)
	if it.Source != "" {
		name = plain(it.Source) + p.dim(" -> ") + name
	}
	fmt.Fprintf(p.w, "%s %s", p.action(it.Action), name)
	switch {
	case it.Error != nil:
		fmt.Fprintf(p.w, "\n             %s", plain(it.Error.Message))
		if it.Error.Hint != "" {
			fmt.Fprintf(p.w, "\n             hint: %s", plain(it.Error.Hint))
		}
	case it.Stored != nil:
		d := core.Copied{Manifests: it.Manifests, Written: it.Written, Stored: *it.Stored, Existed: *it.Existed, Mounted: *it.Mounted, Linked: it.Linked, Retries: it.Retries}
		fmt.Fprintf(p.w, "  %s", p.dim(strings.Join(counts(d, strings.HasPrefix(it.Action, "would")), ", ")))
	}
	for _, l := range it.Left {
		fmt.Fprintf(p.w, "\n             left behind: %s", plain(l))
	}
	fmt.Fprintln(p.w)
	return p.Flush()
}

// action colours what changed; it pads before it paints, since escapes have no width.
func (p *printer) action(a string) string {
	padded := fmt.Sprintf("%-12s", a)
	switch a {
	case "failed":
		return p.paint("31", padded)
	case "unchanged":
		return p.dim(padded)
	}
	return p.bold(padded)
}

func (p *printer) bundled(o core.BundleOut) error {
	for _, i := range o.Images {
		fmt.Fprintf(p.w, "%s  %s\n", i.Digest, p.bold(plain(i.Name)))
		for _, l := range i.Left {
			fmt.Fprintf(p.w, "  left behind: %s\n", plain(l))
		}
	}
	c := core.Copied{Stored: o.Stored, Existed: o.Existed}
	_, err := fmt.Fprintf(p.w, "%s in %s\n", strings.Join(counts(c, false)[1:], ", "), plural(len(o.Images), "image"))
	return err
}
