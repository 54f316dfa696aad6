package tests

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// edge runs examples/edge in workerd until the test ends and returns where it answers. allow is its list of hosts.
func edge(t *testing.T, allow string) string {
	t.Helper()
	artifact(t, "stevedore.wasm")
	return worker(t, "../examples/edge/workerd.capnp", "ALLOW="+allow)
}

// worker runs an example in workerd until the test ends and returns where it answers.
func worker(t *testing.T, config string, env ...string) string {
	t.Helper()
	said, says, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(tool(t, "workerd"), "serve", absolute(t, config), "--socket-addr=http=127.0.0.1:0", "--control-fd=3")
	cmd.Env = append(os.Environ(), env...)
	cmd.ExtraFiles = []*os.File{says}
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = said.Close()
	})
	require.NoError(t, says.Close())
	for lines := bufio.NewScanner(said); lines.Scan(); {
		var e struct {
			Event string
			Port  int
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		if e.Event == "listen" {
			return fmt.Sprintf("http://127.0.0.1:%d", e.Port)
		}
	}
	t.Fatal("workerd said no port")
	return ""
}
