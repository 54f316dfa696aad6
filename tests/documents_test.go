package tests

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the output that commands have now into the documents")

// documents are the pages whose examples run. In them
//
//	```sh       is a script that has to succeed,
//	```console  is commands after "$ ", each followed by exactly what it prints and perhaps an empty line,
//	```js       is a module that has to succeed in Node,
//	```go       is the next of goExamples.
//
// All of a page run in order in one folder that has the bundled image as ./harbor, its archive as ./harbor.tar and the
// modules as ./stevedore.wasm and ./stevedore-cli.wasm. The registry registry.example is one on the loopback that serves the bundled image under
// every name, and takes nothing; mirror.example is an empty one that can be pushed to; edge.example is the edge function,
// which may ask the first.
var documents = []string{"README.md", "docs/cookbook.md"}

// block is one fenced block of a page.
type block struct {
	lang string
	line int // of its first line, from 0
	text []string
}

func blocks(lines []string) []block {
	var out []block
	var open *block
	for i, l := range lines {
		switch {
		case open != nil && l == "```":
			out = append(out, *open)
			open = nil
		case open != nil:
			open.text = append(open.text, l)
		case strings.HasPrefix(l, "```"):
			open = &block{lang: l[3:], line: i + 1}
		}
	}
	return out
}

func TestDocuments(t *testing.T) {
	for _, name := range documents {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", name)
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			p := newPage(t, string(raw))
			lines := strings.Split(string(raw), "\n")
			var out []string
			done := 0
			for _, b := range blocks(lines) {
				out = append(out, lines[done:b.line]...)
				done = b.line + len(b.text)
				out = append(out, p.run(t, b)...)
			}
			out = append(out, lines[done:]...)
			if text := strings.Join(out, "\n"); *update && text != string(raw) {
				require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
			}
		})
	}
}

// pushable is an empty registry on the loopback.
func pushable(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(artifact(t, "stevedore"), "serve", "--json", "--listen", "127.0.0.1:0", "--writable", t.TempDir())
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var said struct{ Address string }
	require.NoError(t, json.NewDecoder(out).Decode(&said))
	return said.Address
}

func documentFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "harbor"), os.DirFS(harbor)))
	write(t, filepath.Join(dir, "harbor.tar"), dockerSave(t, "amd64", "harbor:1.0"))
	for _, name := range []string{"stevedore.wasm", "stevedore-cli.wasm"} {
		require.NoError(t, os.Symlink(artifact(t, name), filepath.Join(dir, name)))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "node_modules"), 0o755))
	require.NoError(t, os.Symlink(absolute(t, "../wasm/js"), filepath.Join(dir, "node_modules", "stevedore")))
	return dir
}

// page is where the examples of one page run: a folder, and the addresses behind the names of servers.
type page struct {
	dir   string
	names map[string]string
	shown int // Go programs so far
}

// newPage starts the servers that the text names.
func newPage(t *testing.T, text string) *page {
	t.Helper()
	p := &page{dir: documentFolder(t), names: map[string]string{"registry.example": registryOf(t, harbor)}}
	if strings.Contains(text, "mirror.example") {
		p.names["mirror.example"] = pushable(t)
	}
	if strings.Contains(text, "http://edge.example") {
		p.names["http://edge.example"] = edge(t, p.names["registry.example"])
	}
	return p
}

func (p *page) inward(s string) string {
	for name, addr := range p.names {
		s = strings.ReplaceAll(s, name, addr)
	}
	return s
}

func (p *page) outward(s string) string {
	for name, addr := range p.names {
		s = strings.ReplaceAll(s, addr, name)
	}
	return s
}

// run runs a block and returns its text with the output of now.
func (p *page) run(t *testing.T, b block) []string {
	t.Helper()
	switch b.lang {
	case "sh":
		out, err := p.exec(t, tool(t, "bash"), "-euo", "pipefail", "-c", strings.Join(b.text, "\n"))
		require.NoError(t, err, "line %d\n%s", b.line, out)
	case "js":
		write(t, filepath.Join(p.dir, "example.mjs"), []byte(p.inward(strings.Join(b.text, "\n"))))
		out, err := p.exec(t, tool(t, "node"), "example.mjs")
		require.NoError(t, err, "line %d\n%s", b.line, out)
	case "console":
		return p.console(t, b)
	case "go":
		want := p.program(t)
		if !*update {
			require.Equal(t, want, strings.Join(b.text, "\n"), "line %d", b.line)
		}
		return strings.Split(want, "\n")
	}
	return b.text
}

func (p *page) console(t *testing.T, b block) []string {
	t.Helper()
	var out []string
	for i := 0; i < len(b.text); {
		command, line := b.text[i], b.line+i+1
		require.True(t, strings.HasPrefix(command, "$ "), "line %d is neither command nor output", line)
		end := i + 1
		for end < len(b.text) && !strings.HasPrefix(b.text[end], "$ ") {
			end++
		}
		got, err := p.exec(t, tool(t, "bash"), "-o", "pipefail", "-c", command[2:])
		var exit *exec.ExitError
		if err != nil {
			require.ErrorAs(t, err, &exit, "line %d", line)
		}
		want, gap := strings.CutSuffix(strings.Join(b.text[i+1:end], "\n"), "\n")
		if !*update {
			require.Equal(t, want, got, "line %d: %s", line, command)
		}
		out = append(out, command)
		if got != "" {
			out = append(out, strings.Split(got, "\n")...)
		}
		if gap {
			out = append(out, "")
		}
		i = end
	}
	return out
}

// exec runs a program in the folder; what it prints comes back with the names of the servers that it used.
func (p *page) exec(t *testing.T, name string, argv ...string) (string, error) {
	t.Helper()
	for i := range argv {
		argv[i] = p.inward(argv[i])
	}
	cmd := exec.CommandContext(t.Context(), name, argv...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "NO_COLOR=1", "PATH="+filepath.Dir(artifact(t, "stevedore"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return p.outward(strings.TrimSuffix(out.String(), "\n")), err
}

// goExamples are the tested examples whose programs the README shows, in its order.
var goExamples = []string{"../core/example_test.go", "../host/example_test.go"}

// program is the next example as a program: its main is the function, without the output that the test compares.
func (p *page) program(t *testing.T) string {
	t.Helper()
	require.Less(t, p.shown, len(goExamples), "a Go program that is no tested example")
	src, err := os.ReadFile(goExamples[p.shown])
	require.NoError(t, err)
	p.shown++
	text := strings.ReplaceAll(string(src), "../testdata/", "")
	text = regexp.MustCompile(`package \w+_test`).ReplaceAllString(text, "package main")
	text = regexp.MustCompile(`func Example\w*\(\)`).ReplaceAllString(text, "func main()")
	text = regexp.MustCompile(`(?m)\n\n?\t// Output:\n(\t// .*\n)*`).ReplaceAllString(text, "\n")
	return strings.TrimSuffix(text, "\n")
}
