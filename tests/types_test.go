package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTypes compiles a TypeScript program against the npm package as it would be installed, with its exports and
// declarations, and checks the declarations themselves.
func TestTypes(t *testing.T) {
	tsc, dir := tool(t, "tsc"), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "node_modules"), 0o755))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "node_modules", "stevedore"), os.DirFS("../wasm/js")))
	source, err := os.ReadFile("types/consumer.ts")
	require.NoError(t, err)
	write(t, filepath.Join(dir, "consumer.ts"), source)
	write(t, filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`))
	for module, resolution := range map[string]string{"nodenext": "nodenext", "esnext": "bundler"} {
		t.Run(resolution, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), tsc, "--noEmit", "--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes",
				"--target", "es2023", "--lib", "es2023,dom,dom.iterable,dom.asynciterable", "--types", "",
				"--module", module, "--moduleResolution", resolution, "consumer.ts")
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}
