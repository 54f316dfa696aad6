package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core"
)

// parityCase is one verb on one input; every front end has to give the same.
type parityCase struct {
	Name    string         `json:"name"`
	Verb    string         `json:"verb"`
	Request map[string]any `json:"request"`
	Bytes   bool           `json:"bytes"` // content is written, besides or instead of the result
}

// result is what a front end gave for a case.
type result struct {
	JSON  string // the document; "" from a command line that wrote content
	Bytes string // the content written
	Kind  string // of the error, "" for none
}

// frontEnd runs cases in a fixture folder.
type frontEnd struct {
	name string
	run  func(t *testing.T, dir string, cases []parityCase) []result
	// noFolder front ends have files to read only: there the cell is the error.
	noFolder bool
	// offline front ends reach no registry: there the cell is the error.
	offline bool
}

// parityCases is the table. reg is a registry that serves the bundled layout.
func parityCases(t *testing.T, reg string) []parityCase {
	amd64, arm64, index := layoutTag(t, "amd64").Digest.String(), layoutTag(t, "arm64").Digest.String(), layoutTag(t, "latest").Digest.String()
	in := func(ref string, more ...any) map[string]any {
		m := map[string]any{"ref": ref}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	cases := []parityCase{
		{"version", "version", map[string]any{}, false},
		{"inspect an index", "inspect", in("oci:harbor:latest"), false},
		{"inspect a platform", "inspect", in("oci:harbor:latest", "platform", "linux/arm64"), false},
		{"inspect by digest", "inspect", in("oci:harbor@" + arm64), false},
		{"inspect an oci archive", "inspect", in("oci-archive:harbor.oci.tar:1.0"), false},
		{"inspect a docker archive", "inspect", in("docker-archive:harbor.docker.tar"), false},
		{"inspect --raw", "inspect", in("oci:harbor:latest", "raw", true), true},
		{"inspect --config", "inspect", in("oci:harbor:amd64", "config", true), true},
		{"digest", "digest", in("oci:harbor:latest"), false},
		{"digest of a platform", "digest", in("oci:harbor:latest", "platform", "linux/arm64/v8"), false},
		{"digest sha512", "digest", in("oci:harbor:latest", "algorithm", "sha512"), false},
		{"digest of a file", "digest", map[string]any{"file": "harbor.docker.tar"}, false},
		{"tags", "tags", in("oci:harbor"), false},
		{"files", "files", in("oci:harbor:amd64"), false},
		{"files, long enough for frames", "files", in("oci:harbor:arm64", "globs", []string{"/opt/app/**", "*.so", "motd"}), false},
		{"files of one layer", "files", in("oci:harbor:amd64", "layer", 2), false},
		{"files of a gzipped archive", "files", in("docker-archive:harbor.docker.tar.gz"), false},
		{"layers", "layers", in("oci:harbor:amd64"), false},
		{"layers with entries and files", "layers", in("docker-archive:harbor.docker.tar", "entries", true, "files", true), false},
		{"export", "export", in("oci:harbor:amd64"), true},
		{"export a folder", "export", in("oci-archive:harbor.oci.tar:amd64", "path", "/opt/app"), true},
		{"export a layer", "export", in("oci:harbor:arm64", "layer", 3), true},
		{"copy to an archive", "copy", map[string]any{"source": "oci:harbor:amd64", "destinations": []string{"docker-archive:-"}}, true},
		{"cat through links", "cat", in("oci:harbor:amd64", "path", "/opt/app/links/escape"), true},
		{"cat a rewritten hard link", "cat", in("oci:harbor:amd64", "path", "etc/banner.hard"), true},
		{"cat a large file", "cat", in("oci-archive:harbor.oci.tar:amd64", "path", "/bin/sh"), true},
		{"copy to an oci archive", "copy", map[string]any{"source": "oci:harbor:latest", "destinations": []string{"oci-archive:-:v1"}}, true},
		{"error: no such tag", "inspect", in("oci:harbor:nope"), false},
		{"error: no such platform", "inspect", in("oci:harbor:latest", "platform", "linux/s390x"), false},
		{"error: no such folder", "files", in("oci:nowhere:latest"), false},
		{"error: a truncated archive", "files", in("oci-archive:cut.oci.tar:amd64"), false},
		{"error: a bad reference", "inspect", in("library/UPPER"), false},
		{"error: a link loop", "cat", in("oci:harbor:amd64", "path", "/opt/app/links/loop-a"), false},
		{"error: a device", "cat", in("oci:harbor:amd64", "path", "/opt/app/modes/null"), false},
	}
	for _, c := range []parityCase{
		{"inspect", "inspect", in(reg + "/harbor:latest"), false},
		{"inspect by digest", "inspect", in("docker://" + reg + "/harbor@" + index), false},
		{"digest", "digest", in(reg + "/harbor:latest"), false},
		{"digest of a platform", "digest", in(reg+"/harbor:latest", "platform", "linux/amd64"), false},
		{"tags", "tags", in(reg+"/harbor", "limit", 3, "after", "1.0"), false},
		{"files", "files", in(reg + "/harbor@" + amd64), false},
		{"layers", "layers", in(reg + "/harbor@" + amd64), false},
		{"cat", "cat", in(reg+"/harbor:latest", "path", "/etc/passwd", "platform", "linux/amd64"), true},
		{"error: no such image", "inspect", in(reg + "/harbor:nope"), false},
	} {
		c.Name = "registry: " + c.Name
		cases = append(cases, c)
	}
	return cases
}

func (c parityCase) registry() bool { return strings.HasPrefix(c.Name, "registry: ") }

// TestParity has every front end run every case. What takes longest in this package is parallel, so it comes in pairs after the rest.
func TestParity(t *testing.T) {
	t.Parallel()
	dir := fixture(t)
	cases := parityCases(t, registryOf(t, harbor))
	want := library().run(t, dir, cases)
	for i, c := range cases {
		require.Equal(t, strings.Contains(c.Name, "error: "), want[i].Kind != "", "%s: %+v", c.Name, want[i])
	}
	t.Log("\nevery verb\n" + parity(t, dir, frontEnds(t), cases, want))
	t.Log("\nthe modules that only read\n" + parity(t, dir, readingEnds(t), cases, libraryOf(core.ReadVerbs()).run(t, dir, cases)))
}

// parity runs the cases on each front end and returns the grid of what came out.
func parity(t *testing.T, dir string, ends []frontEnd, cases []parityCase, want []result) string {
	t.Helper()
	cells := make([][]string, len(cases))
	for _, e := range ends {
		start := time.Now()
		got := e.run(t, dir, cases)
		t.Logf("%s: %.1f s", e.name, time.Since(start).Seconds()) // where the time of this suite goes
		require.Len(t, got, len(cases), e.name)
		for i, c := range cases {
			cells[i] = append(cells[i], compare(t, e, c, want[i], got[i]))
		}
	}
	return grid(ends, cases, cells)
}

// compare reports a difference and returns what the grid shows.
func compare(t *testing.T, e frontEnd, c parityCase, want, got result) string {
	t.Helper()
	if e.offline && c.registry() && want.Kind != "partial" {
		want = result{Kind: "unsupported"}
	}
	if got.JSON == "" && want.Bytes != "" {
		want.JSON = "" // a command line prints content and no document after it
	}
	if want != got {
		t.Errorf("%s, %s:\n want %.600q\n  got %.600q", e.name, c.Name, fmt.Sprint(want), fmt.Sprint(got))
		return "DIFFERS"
	}
	if want.Kind != "" {
		return want.Kind
	}
	return "equal"
}

func grid(ends []frontEnd, cases []parityCase, cells [][]string) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "case")
	for _, e := range ends {
		fmt.Fprintf(w, "\t%s", e.name)
	}
	for i, c := range cases {
		fmt.Fprintf(w, "\n%s\t%s", c.Name, strings.Join(cells[i], "\t"))
	}
	fmt.Fprintln(w)
	w.Flush()
	return b.String()
}

// collect makes the document of a list verb.
func collect(items [][]byte) string { return "[" + string(bytes.Join(items, []byte(","))) + "]" }

// args turns a request into the arguments of the command line, by the tags that make its flags.
func args(t *testing.T, c parityCase) []string {
	t.Helper()
	v, err := core.Find(core.Verbs(), c.Verb)
	require.NoError(t, err)
	out := strings.SplitN(c.Verb, "-", 2)
	for _, f := range cli.Fields(v.In) {
		val, ok := c.Request[f.Name]
		switch list, isList := val.([]string); {
		case !ok:
		case c.Verb == "sync" && f.Name == "jobs":
			out = append(out, jobsFile(t, val))
		case f.Flag == "" && isList:
			out = append(out, list...)
		case f.Flag == "":
			out = append(out, fmt.Sprint(val))
		case isList:
			for _, v := range list {
				out = append(out, "--"+f.Flag+"="+v)
			}
		default:
			out = append(out, fmt.Sprintf("--%s=%v", f.Flag, val))
		}
	}
	return append(out, "--json")
}

// artifact is something that make built.
func artifact(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("..", "bin", name))
	require.NoError(t, err)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("bin/%s is not built: run make build wasm", name)
	}
	return p
}

// tool finds a program that the set-up installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"../.cache/bin", "js/node_modules/.bin"} {
		if p, err := filepath.Abs(filepath.Join(dir, name)); err == nil {
			if _, err := os.Stat(p); err == nil {
				return p
			}
		}
	}
	p, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: run tests/setup.sh test", name)
	}
	return p
}

// command runs a program per case and reads its result: JSON or content on standard output, on failure an error document on
// standard error.
func command(t *testing.T, dir string, c parityCase, name string, argv ...string) result {
	t.Helper()
	cmd := programIn(t, dir, name, argv...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit status tells, and is -1 for what did not start
	return resultOf(t, c, cmd.ProcessState.ExitCode(), stdout.Bytes(), stderr.Bytes())
}

// programIn is a program that starts in a folder and finds no settings of whoever runs the tests.
func programIn(t *testing.T, dir, name string, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), name, argv...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "HOME="+dir)
	return cmd
}

// resultOf is what a call gave by its exit status, standard output and standard error.
func resultOf(t *testing.T, c parityCase, code int, stdout, stderr []byte) result {
	t.Helper()
	switch {
	case code != 0:
		return result{Kind: errorKind(t, stderr)}
	case c.Bytes:
		return result{Bytes: string(stdout)}
	default:
		return result{JSON: strings.TrimSuffix(string(stdout), "\n")}
	}
}

// errorKind finds the error document in what a program wrote to standard error.
func errorKind(t *testing.T, stderr []byte) string {
	t.Helper()
	for _, line := range bytes.Split(stderr, []byte("\n")) {
		var doc struct{ Error struct{ Kind string } }
		if json.Unmarshal(line, &doc) == nil && doc.Error.Kind != "" {
			return doc.Error.Kind
		}
	}
	return "no error document: " + string(stderr)
}

type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

var _ io.WriteCloser = (*memory)(nil)

// output runs a program and returns the lines of its standard output.
func output(t *testing.T, dir, name string, argv ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, argv...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s\n%s", filepath.Base(name), stderr.String())
	return strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
}
