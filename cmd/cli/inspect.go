package cli

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core"
)

// inspect shows what an image is: what it is called, what an index holds, and one image in full.
func (p *printer) inspect(o core.InspectOut) error {
	rows := []row{
		{"Reference", plain(o.Reference)}, {"Digest", string(o.Digest)},
		{"Type", plain(o.Kind + " (" + o.MediaType + ")")}, {"Artifact", plain(o.ArtifactType)},
	}
	if o.Subject != nil {
		rows = append(rows, row{"Refers to", string(o.Subject.Digest)})
	}
	if o.Image == nil {
		rows = append(rows, row{"Size", size(o.Size)})
	}
	p.rows(append(rows, pairs("Annotations", o.Annotations)...))
	p.manifests(o)
	if len(o.Blobs) > 0 {
		fmt.Fprintf(p.w, "\n%s\n", p.bold("Blobs"))
		t := p.table()
		for _, b := range o.Blobs {
			fmt.Fprintf(t, "  %s\t%s\t%s\n", pad(size(b.Size), 7), p.digest(b.Digest, 11+len(b.MediaType)), plain(b.MediaType))
		}
		t.Flush()
	}
	if o.Image != nil {
		p.image(*o.Image, o.Kind == "index")
	}
	p.referrers(o)
	return nil
}

func (p *printer) referrers(o core.InspectOut) {
	if len(o.Referrers) == 0 {
		return
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold("Referrers"))
	t := p.table()
	for _, r := range o.Referrers {
		about := ""
		if r.To != o.Digest {
			about = "of " + short(r.To)
		}
		kind := cmp.Or(r.ArtifactType, r.MediaType)
		if r.Tag != "" {
			kind = "tagged …" + path.Ext(r.Tag)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", pad(size(r.Size), 7), p.digest(r.Digest, 13+len(kind)+len(about)), plain(kind), about)
	}
	t.Flush()
}

// row is a name and what it is; a row without a name goes on with the one before.
type row struct{ name, value string }

// rows prints the rows that have a value, aligned. A digest for which the terminal is too narrow stands unaligned, so that
// it can be copied in one piece.
func (p *printer) rows(rows []row) {
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.value == "" })
	wide := 0
	for _, r := range rows {
		wide = max(wide, len(r.name)+2)
	}
	for _, r := range rows {
		name := r.name
		if name != "" {
			name += ":"
		}
		at := wide
		if strings.HasPrefix(r.value, "sha") && p.width > 0 && wide+len(r.value) > p.width {
			at = len(name) + 1
		}
		fmt.Fprintf(p.w, "%-*s%s\n", at, name, r.value)
	}
}

// list is a row for each value, the first with the name.
func list(name string, values []string) []row {
	var out []row
	for _, v := range values {
		out = append(out, row{name, plain(v)})
		name = ""
	}
	return out
}

func pairs(name string, m map[string]string) []row {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return list(name, out)
}

func (p *printer) manifests(o core.InspectOut) {
	if o.Kind != "index" {
		return
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold("Manifests"))
	names := make([]string, len(o.Manifests))
	wide := 0
	for i, m := range o.Manifests {
		switch {
		case m.AttestationFor != "":
			names[i] = "attestation for " + short(m.AttestationFor)
		case m.ArtifactType != "":
			names[i] = plain(m.ArtifactType)
		default:
			names[i] = plain(cmp.Or(m.Platform, m.MediaType))
		}
		wide = max(wide, len(names[i]))
	}
	for i, m := range o.Manifests {
		fmt.Fprintf(p.w, "  %-*s  %s  %s\n", wide, names[i], pad(size(m.Size), 7), p.digest(m.Digest, wide+13))
	}
}

// digest is a digest in full, or its beginning where a terminal has no room for it beside so many other columns.
func (p *printer) digest(d digest.Digest, others int) string {
	if p.width > 0 && others+len(d) > p.width {
		return short(d)
	}
	return string(d)
}

func short(d digest.Digest) string {
	algorithm, hex, _ := strings.Cut(string(d), ":")
	return algorithm + ":" + hex[:min(12, len(hex))]
}

func (p *printer) image(i core.ImageInfo, ofIndex bool) {
	title, id := "Image", ""
	if ofIndex {
		title, id = "Image for "+i.Platform, string(i.Digest)
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold(plain(title)))
	c := i.Config
	rows := []row{
		{"Platform", plain(i.Platform)}, {"Digest", id}, {"Created", when(i.Created)}, {"Author", plain(i.Author)},
		{"Size", size(i.TotalSize) + " in " + plural(len(i.Layers), "layer")},
		{"User", plain(c.User)}, {"Folder", plain(c.WorkingDir)}, {"Entrypoint", words(c.Entrypoint)}, {"Command", words(c.Cmd)},
		{"Ports", words(c.ExposedPorts)}, {"Volumes", words(c.Volumes)}, {"Stop signal", plain(c.StopSignal)},
	}
	p.rows(append(append(rows, list("Environment", c.Env)...), pairs("Labels", c.Labels)...))
	if len(i.Layers) == 0 {
		return
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold("Layers"))
	for _, l := range i.Layers {
		fmt.Fprintf(p.w, "  %2d  %s  %s  %s\n", l.Index, short(l.Digest), pad(size(l.Size), 7), p.dim(p.rest(l.CreatedBy, 36)))
	}
}

func pad(s string, n int) string { return strings.Repeat(" ", max(0, n-len(s))) + s }

// rest is text for the last column, cut to what so many columns before it leave of the terminal.
func (p *printer) rest(s string, before int) string {
	const least = 8 // columns; in fewer nothing is recognised
	switch {
	case p.width == 0:
		return plain(cut(s, 80))
	case p.width-before < least:
		return ""
	}
	return plain(cut(s, p.width-before))
}

// cut shortens to n characters.
func cut(s string, n int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

// words shows a list as a shell would take it.
func words(list []string) string {
	var out []string
	for _, s := range list {
		if s == "" || strings.ContainsAny(s, " \t\n\"'\\$") {
			s = fmt.Sprintf("%q", s)
		}
		out = append(out, plain(s))
	}
	return strings.Join(out, " ")
}
