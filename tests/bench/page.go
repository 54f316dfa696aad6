package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
)

// page is docs/BENCHMARKS.md: a head and a section for each group, between marks, so that one group can be measured anew.
type page struct{ sections map[string]string }

var mark = regexp.MustCompile(`(?s)<!-- ([\w-]+) -->\n(.*?)\n<!-- end -->`)

func readPage(name string) page {
	p := page{sections: map[string]string{}}
	b, err := os.ReadFile(name)
	if err != nil {
		return p // the first run
	}
	for _, m := range mark.FindAllStringSubmatch(string(b), -1) {
		p.sections[m[1]] = m[2]
	}
	return p
}

const head = `# Benchmarks

Written by ` + "`make bench`" + `, which repeats all of it on your machine: every table is one run in which the contenders take turns, after one
round that does not count. Figures are medians. Compare ratios, not seconds: "ratio" is that of the wall time to the first row's, taken
round by round. Memory is the peak resident set of the largest process.

One section alone: ` + "`make bench BENCH='-only files'`" + `. Measured on %s, %d processors, with %s.

`

func (p page) render(e *env) string {
	var b strings.Builder
	fmt.Fprintf(&b, head, runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), strings.Join(e.versions(), ", "))
	for _, g := range groups() {
		if s, ok := p.sections[g.name]; ok {
			fmt.Fprintf(&b, "<!-- %s -->\n%s\n<!-- end -->\n\n", g.name, s)
		}
	}
	return b.String()
}

func (g group) render(tables []table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", g.title, g.intro)
	for _, t := range tables {
		b.WriteString(t.markdown() + "\n")
	}
	fmt.Fprintf(&b, "What limits it: %s", g.limits)
	return b.String()
}

// versions are those of the tools that take part.
func (e *env) versions() []string {
	out := []string{runtime.Version()}
	for _, t := range []struct {
		name string
		args []string
	}{{"crane", []string{"version"}}, {"skopeo", []string{"--version"}}, {"regctl", []string{"version", "--format", "{{.VCSTag}}"}}, {"oras", []string{"version"}}, {"node", []string{"--version"}}, {"chromium", []string{"--version"}}} {
		b, err := exec.Command(t.name, t.args...).Output()
		if err != nil {
			continue // it does not take part then
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
		version := regexp.MustCompile(`v?\d+\.\d+[\w.+-]*`).FindString(line)
		out = append(out, strings.TrimSpace(t.name+" "+version))
	}
	return out
}
