package host_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/host"
)

// reactor builds stevedore.wasm; the go tool's cache makes it cheap after the first time.
func reactor(t *testing.T) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "stevedore.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "../wasm/wasi")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	log, err := cmd.CombinedOutput()
	require.NoError(t, err, string(log))
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	return b
}

func TestVersion(t *testing.T) {
	ctx := context.Background()
	h, err := host.New(ctx, reactor(t), host.Options{})
	require.NoError(t, err)
	defer h.Close(ctx)
	out, err := h.Call(ctx, "version", nil, host.Sinks{})
	require.NoError(t, err)
	require.Contains(t, string(out), `"abi":1`)

	_, err = h.Call(ctx, "inspect", []byte(`{"reff":"x"}`), host.Sinks{})
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "input", e.Kind)
	require.Contains(t, e.Message, "reff")
}
