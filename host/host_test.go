package host_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/host"
)

// TestMain runs the tests in a folder that has what a user of the package has: the reactor as stevedore.wasm and an image
// as harbor.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stevedore-host-")
	if err == nil {
		err = prepare(dir)
	}
	status := 1
	if err == nil {
		status = m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

func prepare(dir string) error {
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "stevedore.wasm"), "../wasm/wasi")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if log, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, log)
	}
	if err := os.CopyFS(filepath.Join(dir, "harbor"), os.DirFS("../testdata/harbor")); err != nil {
		return err
	}
	return os.Chdir(dir)
}

// start makes a Host of the reactor; all tests share what was compiled.
func start(t *testing.T, o host.Options) *host.Host {
	t.Helper()
	if o.CacheDir == "" {
		o.CacheDir = "cache"
	}
	wasm, err := os.ReadFile("stevedore.wasm")
	require.NoError(t, err)
	h, err := host.New(t.Context(), wasm, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close(t.Context())) })
	return h
}

func TestVersion(t *testing.T) {
	h := start(t, host.Options{})
	out, err := h.Call(t.Context(), "version", nil, host.Sinks{})
	require.NoError(t, err)
	require.Contains(t, string(out), `"abi":1`)

	_, err = h.Call(t.Context(), "inspect", []byte(`{"reff":"x"}`), host.Sinks{})
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "input", e.Kind)
	require.Contains(t, e.Message, "reff")
}
