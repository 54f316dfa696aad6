package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core"
)

// inspect shows what an image is: what it is called, what an index holds, and one image in full.
func (p *printer) inspect(o core.InspectOut) error {
	rows := [][2]string{
		{"Reference", plain(o.Reference)}, {"Digest", string(o.Digest)},
		{"Type", plain(o.Kind + " (" + o.MediaType + ")")}, {"Artifact", plain(o.ArtifactType)},
	}
	if o.Subject != nil {
		rows = append(rows, [2]string{"Refers to", string(o.Subject.Digest)})
	}
	if o.Image == nil {
		rows = append(rows, [2]string{"Size", size(o.Size)})
	}
	p.rows(rows)
	p.pairs("Annotations", o.Annotations)
	p.manifests(o)
	if len(o.Blobs) > 0 {
		fmt.Fprintf(p.w, "\n%s\n", p.bold("Blobs"))
		t := p.table()
		for _, b := range o.Blobs {
			fmt.Fprintf(t, "  %s\t%s\t%s\n", b.Digest, size(b.Size), plain(b.MediaType))
		}
		t.Flush()
	}
	if o.Image != nil {
		p.image(*o.Image, o.Kind == "index")
	}
	return nil
}

func (p *printer) rows(rows [][2]string) {
	t := p.table()
	for _, r := range rows {
		if r[1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", r[0]+":", r[1])
		}
	}
	t.Flush()
}

func (p *printer) pairs(title string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	fmt.Fprintf(p.w, "%s:\n", title)
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(p.w, "  %s=%s\n", plain(k), plain(m[k]))
	}
}

func (p *printer) manifests(o core.InspectOut) {
	if o.Kind != "index" {
		return
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold("Manifests"))
	t := p.table()
	for _, m := range o.Manifests {
		what := m.Platform
		switch {
		case m.AttestationFor != "":
			what = "attestation for " + short(string(m.AttestationFor))
		case m.ArtifactType != "":
			what = m.ArtifactType
		case what == "":
			what = m.MediaType
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", plain(what), m.Digest, size(m.Size))
	}
	t.Flush()
}

func short(digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return algorithm + ":" + hex[:min(12, len(hex))]
}

func (p *printer) image(i core.ImageInfo, ofIndex bool) {
	title := "Image"
	if ofIndex {
		title = "Image for " + i.Platform
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold(plain(title)))
	c := i.Config
	p.rows([][2]string{
		{"  Platform", plain(i.Platform)}, {"  Digest", string(i.Digest)}, {"  Created", when(i.Created)}, {"  Author", plain(i.Author)},
		{"  Size", fmt.Sprintf("%s in %d layers", size(i.TotalSize), len(i.Layers))},
		{"  User", plain(c.User)}, {"  Working dir", plain(c.WorkingDir)}, {"  Entrypoint", words(c.Entrypoint)}, {"  Command", words(c.Cmd)},
		{"  Ports", words(c.ExposedPorts)}, {"  Volumes", words(c.Volumes)}, {"  Stop signal", plain(c.StopSignal)},
	})
	for _, e := range c.Env {
		fmt.Fprintf(p.w, "  Env: %s\n", plain(e))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		fmt.Fprintf(p.w, "  Label: %s=%s\n", plain(k), plain(c.Labels[k]))
	}
	if len(i.Layers) == 0 {
		return
	}
	fmt.Fprintf(p.w, "\n%s\n", p.bold("Layers"))
	t := p.table()
	for _, l := range i.Layers {
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s\n", l.Index, short(string(l.Digest)), pad(size(l.Size), 8), plain(cut(l.CreatedBy, 80)))
	}
	t.Flush()
}

func pad(s string, n int) string { return strings.Repeat(" ", max(0, n-len(s))) + s }

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
