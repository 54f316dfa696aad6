package tests

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRun runs what make run shows, and reads it as a person would.
func TestRun(t *testing.T) {
	for _, name := range []string{"stevedore", "stevedore.wasm", "stevedore-cli.wasm"} {
		artifact(t, name)
	}
	tool(t, "workerd")
	cmd := exec.CommandContext(t.Context(), "./run.sh")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	text := string(out)
	require.True(t, strings.HasSuffix(text, "All of them are equal.\n"), text)
	require.Len(t, regexp.MustCompile(`  equal( |\n)`).FindAllString(text, -1), 9, text)
	require.NotContains(t, text, "\x1b", "colour is for terminals")
	for _, line := range strings.Split(text, "\n") {
		require.LessOrEqual(t, len([]rune(line)), 110, line)
	}
}
