package tests

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

// frontEnds lists every host; one that is not installed fails the test.
func frontEnds(t *testing.T) []frontEnd {
	return append([]frontEnd{
		native(t),
		reactorWazero(t),
		cliWazero(t),
		cliJS(t, "Node", tool(t, "node"), "--no-warnings"),
		cliJS(t, "Bun", tool(t, "bun")),
		reactorJS(t, "node", tool(t, "node")),
		reactorJS(t, "deno", tool(t, "deno"), "run", "--allow-all", "--no-config"),
		reactorJS(t, "bun", tool(t, "bun")),
		workerd(t),
		chromium(t, "reactor", "stevedore.wasm"),
		chromium(t, "js", "stevedore-js.wasm"),
	}, secondHosts(t)...)
}

// below makes relative paths those of a folder, as the working directory does for a program.
type below struct {
	osfs.Host
	dir string
}

func (b below) OpenFile(ctx context.Context, p string) (fsys.File, error) {
	return b.Host.OpenFile(ctx, filepath.Join(b.dir, p))
}

func (b below) OpenDir(ctx context.Context, p string) (fsys.Dir, error) {
	return b.Host.OpenDir(ctx, filepath.Join(b.dir, p))
}

func (b below) CreateDir(ctx context.Context, p string) (fsys.WritableDir, error) {
	return b.Host.CreateDir(ctx, filepath.Join(b.dir, p))
}

func (b below) Place(ctx context.Context, p string) (fsys.WritableDir, string, error) {
	return b.Host.Place(ctx, filepath.Join(b.dir, p))
}

// readingEnds are the modules of the verbs that only read.
func readingEnds(t *testing.T) []frontEnd {
	return []frontEnd{
		reactorWazeroWith(t, "stevedore-read.wasm", onLoopback),
		chromium(t, "js", "stevedore-js-read.wasm"),
	}
}

// library calls the verbs in this process: what all others are compared with.
func library() frontEnd { return libraryOf(core.Verbs()) }

func libraryOf(verbs []core.Verb) frontEnd {
	return frontEnd{name: "Go library", run: func(t *testing.T, dir string, cases []parityCase) []result {
		return each(cases, func(c parityCase) result {
			var out memory
			mux := transport.New(transport.Options{
				Files: below{dir: dir}, Writable: below{dir: dir}, Fetcher: nethttp.New(nethttp.Options{}),
				Stdout: func(context.Context, string) (io.WriteCloser, error) { return &out, nil },
			})
			env := &core.Env{
				Source: mux.Open, Origin: mux.Origin, Sink: mux.Create, Registry: mux.Registry, File: mux.OpenFile, Clock: clock.System{},
				Output: func(context.Context, string) (io.WriteCloser, error) { return &out, nil },
			}
			v, err := core.Find(verbs, c.Verb)
			if err != nil {
				return result{Kind: string(errs.Of(err))}
			}
			var items [][]byte
			doc, err := v.Call(t.Context(), env, encode(t, c.Request), func(b []byte) error {
				items = append(items, append([]byte(nil), b...))
				return nil
			})
			if err != nil {
				return result{Kind: string(errs.Of(err))}
			}
			return document(v, doc, items, out.String())
		})
	}}
}

func each(cases []parityCase, f func(parityCase) result) []result {
	out := make([]result, 0, len(cases))
	for _, c := range cases {
		out = append(out, f(c))
	}
	return out
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func document(v core.Verb, doc []byte, items [][]byte, content string) result {
	if v.Item != nil {
		doc = []byte(collect(items))
	}
	return result{JSON: string(doc), Bytes: content}
}

func native(t *testing.T) frontEnd {
	bin := artifact(t, "stevedore")
	return frontEnd{name: "native", run: func(t *testing.T, dir string, cases []parityCase) []result {
		return each(cases, func(c parityCase) result { return command(t, dir, c, bin, args(t, c)...) })
	}}
}

func reactorWazero(t *testing.T) frontEnd {
	return reactorWazeroWith(t, "stevedore.wasm", onLoopback)
}

// onLoopback lets a module reach the fixture and the registries of this machine.
func onLoopback(dir string) host.Options {
	return host.Options{Fetcher: nethttp.New(nethttp.Options{}), WriteDirs: map[string]string{"/": dir}, CacheDir: compiled}
}

func reactorWazeroWith(t *testing.T, module string, options func(dir string) host.Options) frontEnd {
	wasm, err := os.ReadFile(artifact(t, module))
	require.NoError(t, err)
	return frontEnd{name: "reactor, wazero", run: func(t *testing.T, dir string, cases []parityCase) []result {
		ctx := t.Context()
		h, err := host.New(ctx, wasm, options(dir))
		require.NoError(t, err)
		defer h.Close(ctx)
		return each(cases, func(c parityCase) result {
			var out memory
			var items [][]byte
			doc, err := h.Call(ctx, c.Verb, encode(t, c.Request), host.Sinks{
				Item:   func(b []byte) error { items = append(items, append([]byte(nil), b...)); return nil },
				Output: func(string) (io.WriteCloser, error) { return &out, nil },
			})
			var e *host.Error
			if errors.As(err, &e) {
				return result{Kind: e.Kind}
			}
			require.NoError(t, err)
			v, err := core.Find(core.Verbs(), c.Verb)
			require.NoError(t, err)
			return document(v, doc, items, out.String())
		})
	}}
}

// cliWazero runs the command build: the native command line, files through preopened directories, no registries.
func cliWazero(t *testing.T) frontEnd {
	wasm, err := os.ReadFile(artifact(t, "stevedore-cli.wasm"))
	require.NoError(t, err)
	return frontEnd{name: "command, wazero", offline: true, run: func(t *testing.T, dir string, cases []parityCase) []result {
		ctx := t.Context()
		r := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(t))
		defer r.Close(ctx)
		wasi_snapshot_preview1.MustInstantiate(ctx, r)
		mod, err := r.CompileModule(ctx, wasm)
		require.NoError(t, err)
		return each(cases, func(c parityCase) result {
			var stdout, stderr memory
			conf := wazero.NewModuleConfig().WithName("").WithArgs(append([]string{"stevedore"}, args(t, c)...)...).
				WithStdout(&stdout).WithStderr(&stderr).WithSysWalltime().WithSysNanotime().
				WithFSConfig(wazero.NewFSConfig().WithDirMount(dir, "/"))
			m, err := r.InstantiateModule(ctx, mod, conf)
			if m != nil {
				defer m.Close(ctx)
			}
			var exit *sys.ExitError
			if errors.As(err, &exit) && exit.ExitCode() != 0 {
				return result{Kind: errorKind(t, stderr.Bytes())}
			}
			if c.Bytes {
				return result{Bytes: stdout.String()}
			}
			return result{JSON: trimNewline(stdout.String())}
		})
	}}
}

func trimNewline(s string) string {
	if n := len(s); n > 0 && s[n-1] == '\n' {
		return s[:n-1]
	}
	return s
}

// cliJS runs the command build under a JavaScript runtime's own WASI.
func cliJS(t *testing.T, name, bin string, flags ...string) frontEnd {
	script, wasm := absolute(t, "jsrun/wasi-commands.mjs"), artifact(t, "stevedore-cli.wasm")
	return frontEnd{name: "command, " + name, offline: true, run: func(t *testing.T, dir string, cases []parityCase) []result {
		calls := make([][]string, len(cases))
		for i, c := range cases {
			calls[i] = args(t, c)
		}
		return together(t, dir, cases, calls, bin, func(file, end string) []string {
			return append(flags[:len(flags):len(flags)], script, wasm, dir, file, end)
		})
	}}
}

// together runs all cases in one process of a host that makes an instance for each: it reads the calls from a file, a list of
// strings each, and ends what a call writes, on standard output and on standard error, with a line of its own and the exit status.
func together(t *testing.T, dir string, cases []parityCase, calls [][]string, name string, argv func(file, end string) []string) []result {
	t.Helper()
	file, end := filepath.Join(t.TempDir(), "calls.json"), "end-"+rand.Text()
	write(t, file, encode(t, calls))
	cmd := programIn(t, dir, name, argv(file, end)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	failed := cmd.Run() // the exit status of each call counts; it is said if some did not come
	outs, errs := bytes.Split(stdout.Bytes(), []byte("\n"+end+" ")), bytes.Split(stderr.Bytes(), []byte("\n"+end+" "))
	if len(outs) != len(cases)+1 || len(errs) != len(outs) {
		t.Fatalf("%s ended %d calls of %d: %v\n%s", filepath.Base(name), len(outs)-1, len(cases), failed, errs[len(errs)-1])
	}
	status := func(after []byte) (int, []byte) {
		line, rest, _ := bytes.Cut(after, []byte("\n"))
		code, err := strconv.Atoi(string(line))
		require.NoError(t, err)
		return code, rest
	}
	got, out, said := make([]result, 0, len(cases)), outs[0], errs[0]
	for i, c := range cases {
		code, nextOut := status(outs[i+1])
		again, nextErr := status(errs[i+1])
		require.Equal(t, code, again, "%s, %s: the exit status on both outputs", filepath.Base(name), c.Name)
		got = append(got, resultOf(t, c, code, out, said))
		out, said = nextOut, nextErr
	}
	require.Empty(t, string(out)+string(said), "%s: what is written after all calls", filepath.Base(name))
	return got
}

func absolute(t *testing.T, p string) string {
	t.Helper()
	p, err := filepath.Abs(p)
	require.NoError(t, err)
	return p
}

// batch runs all cases in one process of a JavaScript host: cases.json in, a JSON line per case out.
func batch(t *testing.T, dir string, cases []parityCase, name string, argv ...string) []result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cases.json")
	require.NoError(t, os.WriteFile(file, encode(t, cases), 0o644))
	lines := output(t, dir, name, append(argv, file, dir)...)
	out := make([]result, 0, len(cases))
	for _, line := range lines {
		var r struct {
			JSON  string `json:"json"`
			Bytes []byte `json:"bytes"` // base64
			Kind  string `json:"kind"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		out = append(out, result{r.JSON, string(r.Bytes), r.Kind})
	}
	return out
}

func reactorJS(t *testing.T, name, bin string, flags ...string) frontEnd {
	script, wasm := absolute(t, "jsrun/run.mjs"), artifact(t, "stevedore.wasm")
	return frontEnd{name: "reactor, " + name, noFolder: true, run: func(t *testing.T, dir string, cases []parityCase) []result {
		return batch(t, dir, cases, bin, append(flags, script, wasm)...)
	}}
}

func workerd(t *testing.T) frontEnd {
	node, script, bin := tool(t, "node"), absolute(t, "jsrun/workerd.mjs"), tool(t, "workerd")
	return frontEnd{name: "reactor, workerd", noFolder: true, run: func(t *testing.T, dir string, cases []parityCase) []result {
		return batch(t, dir, cases, node, script, bin, artifact(t, "stevedore.wasm"))
	}}
}

// chromium runs a module in a page: the one for browsers in a Worker, the reactor in the page's own thread.
func chromium(t *testing.T, name, wasm string) frontEnd {
	node, script, bin := tool(t, "node"), absolute(t, "jsrun/chromium.mjs"), tool(t, "chromium")
	return frontEnd{name: name + ", Chromium", noFolder: true, run: func(t *testing.T, dir string, cases []parityCase) []result {
		return batch(t, dir, cases, node, script, bin, artifact(t, wasm))
	}}
}
