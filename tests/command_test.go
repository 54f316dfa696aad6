package tests

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// wasi runs the command build in wazero with what a test gives it: exit status, standard output and standard error.
func wasi(t *testing.T) func(conf wazero.ModuleConfig, args ...string) (uint32, string, string) {
	t.Helper()
	wasm, err := os.ReadFile(artifact(t, "stevedore-cli.wasm"))
	require.NoError(t, err)
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(t))
	t.Cleanup(func() { _ = r.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	mod, err := r.CompileModule(ctx, wasm)
	require.NoError(t, err)
	return func(conf wazero.ModuleConfig, args ...string) (uint32, string, string) {
		var stdout, stderr memory
		conf = conf.WithName("").WithArgs(append([]string{"stevedore"}, args...)...).WithStdout(&stdout).WithStderr(&stderr).
			WithSysWalltime().WithSysNanotime().WithSysNanosleep()
		m, err := r.InstantiateModule(ctx, mod, conf)
		if m != nil {
			defer m.Close(ctx)
		}
		var exit *sys.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), stdout.String(), stderr.String()
		}
		require.NoError(t, err)
		return 0, stdout.String(), stderr.String()
	}
}

// TestWASICommand tries what a WASI runtime may give: directories under other names, standard input, a temporary folder.
func TestWASICommand(t *testing.T) {
	run := wasi(t)
	dir := fixture(t)
	mount := func(dirs ...string) wazero.ModuleConfig {
		conf := wazero.NewFSConfig()
		for i := 0; i < len(dirs); i += 2 {
			conf = conf.WithDirMount(dirs[i], dirs[i+1])
		}
		return wazero.NewModuleConfig().WithFSConfig(conf)
	}
	t.Run("registries are unsupported", func(t *testing.T) {
		code, stdout, stderr := run(mount(dir, "/"), "inspect", "alpine:3.20")
		require.EqualValues(t, 7, code)
		require.Empty(t, stdout)
		require.Equal(t, "stevedore: alpine:3.20: this host has no network", strings.SplitN(stderr, "\n", 2)[0])
		require.Contains(t, stderr, "hint: WASI preview 1 has no sockets: read a layout")
	})
	t.Run("relative names start from the first directory", func(t *testing.T) {
		code, stdout, stderr := run(mount(dir, "/images"), "digest", "oci:harbor:amd64")
		require.Zero(t, code, stderr)
		require.Equal(t, layoutTag(t, "amd64").Digest.String()+"\n", stdout)
		code, again, stderr := run(mount(dir, "/images"), "digest", "oci:/images/harbor:amd64")
		require.Zero(t, code, stderr)
		require.Equal(t, stdout, again)
		code, again, stderr = run(mount(dir, "/images").WithEnv("PWD", "/images/harbor"), "digest", "oci:.:amd64")
		require.Zero(t, code, stderr)
		require.Equal(t, stdout, again)
	})
	t.Run("what is not opened is not there", func(t *testing.T) {
		code, _, stderr := run(mount(dir, "/images"), "inspect", "oci:/etc")
		require.EqualValues(t, 3, code, stderr)
		code, _, stderr = run(mount(filepath.Join(dir, "harbor"), "/images"), "inspect", "oci-archive:/images/../../harbor.oci.tar")
		require.EqualValues(t, 3, code, stderr)
	})
	t.Run("standard input needs a temporary folder only for archives", func(t *testing.T) {
		open := func() io.Reader {
			f, err := os.Open(filepath.Join(dir, "harbor.docker.tar"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = f.Close() })
			return f
		}
		code, whole, stderr := run(mount(dir, "/images").WithStdin(open()), "digest", "--file", "-")
		require.Zero(t, code, stderr)
		code, named, _ := run(mount(dir, "/images"), "digest", "--file", "harbor.docker.tar")
		require.Zero(t, code)
		require.Equal(t, named, whole)

		code, _, stderr = run(mount(dir, "/images").WithStdin(open()), "files", "docker-archive:-")
		require.EqualValues(t, 7, code, stderr)
		require.Contains(t, stderr, "hint: ")
		scratch := t.TempDir()
		code, piped, stderr := run(mount(dir, "/images", scratch, "/tmp").WithStdin(open()), "files", "docker-archive:-")
		require.Zero(t, code, stderr)
		code, named, _ = run(mount(dir, "/images"), "files", "docker-archive:harbor.docker.tar")
		require.Zero(t, code)
		require.Equal(t, named, piped)
		left, err := os.ReadDir(scratch)
		require.NoError(t, err)
		require.Empty(t, left, "the temporary folder is removed")
	})
	t.Run("output files appear whole", func(t *testing.T) {
		out := t.TempDir()
		code, _, stderr := run(mount(dir, "/images", out, "/out"), "cat", "--output", "/out/passwd", "oci:harbor:amd64", "/etc/passwd")
		require.Zero(t, code, stderr)
		b, err := os.ReadFile(filepath.Join(out, "passwd"))
		require.NoError(t, err)
		require.Contains(t, string(b), "root:x:0:0")
		code, _, _ = run(mount(dir, "/images", out, "/out"), "cat", "--output", "/out/never", "oci:harbor:amd64", "/opt/app/links/loop-a")
		require.EqualValues(t, 2, code)
		left, err := os.ReadDir(out)
		require.NoError(t, err)
		require.Len(t, left, 1)
	})
}

// TestWASICommandAlone has a JavaScript runtime run one command as its whole process; the cases of the parity test share a process.
func TestWASICommandAlone(t *testing.T) {
	dir := fixture(t)
	script, wasm := absolute(t, "jsrun/wasi-command.mjs"), artifact(t, "stevedore-cli.wasm")
	for _, argv := range [][]string{{tool(t, "node"), "--no-warnings", script, wasm, dir}, {tool(t, "bun"), script, wasm, dir}} {
		t.Run(filepath.Base(argv[0]), func(t *testing.T) {
			run := func(ref string) result {
				return command(t, dir, parityCase{}, argv[0], append(argv[1:len(argv):len(argv)], "digest", ref, "--json")...)
			}
			require.Contains(t, run("oci:harbor:amd64").JSON, layoutTag(t, "amd64").Digest.String())
			require.Equal(t, "not_found", run("oci:harbor:nope").Kind)
		})
	}
}

// TestWASICommandWrites copies into every format that a folder can hold, and gets the same files as the native binary.
func TestWASICommandWrites(t *testing.T) {
	wasi := wasi(t)
	dir := fixture(t)
	theirs, ours := t.TempDir(), t.TempDir()
	mounts := wazero.NewModuleConfig().WithFSConfig(wazero.NewFSConfig().WithReadOnlyDirMount(dir, "/in").WithDirMount(theirs, "/out"))
	for _, to := range []string{"oci:%s/layout:v1", "oci-archive:%s/a.tar:v1", "docker-archive:%s/d.tar:harbor:v1", "dir:%s/folder", "static:%s/www:team/harbor:v1"} {
		for range 2 { // the second finds what the first left
			code, _, stderr := wasi(mounts, "copy", "oci:/in/harbor:latest", strings.Replace(to, "%s", "/out", 1))
			require.Zero(t, code, "%s: %s", to, stderr)
		}
		output(t, dir, artifact(t, "stevedore"), "copy", "oci:harbor:latest", strings.Replace(to, "%s", ours, 1))
	}
	require.Equal(t, treeOf(t, ours), treeOf(t, theirs))
}

// treeOf are the files below a folder by name.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = digest.FromBytes(b).String()
		return err
	}))
	return out
}
