package tests

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// writableRegistry starts the binary as a registry that can be pushed to and returns its host and port.
func writableRegistry(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(artifact(t, "stevedore"), "serve", "--writable", dir, "--listen", "127.0.0.1:0", "--json")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err)
	var said struct{ URL string }
	require.NoError(t, json.Unmarshal(line, &said))
	u, err := url.Parse(said.URL)
	require.NoError(t, err)
	return u.Host
}

// TestConformance runs the specification's own suite against serve --writable, with what it leaves to a registry's choice:
// cancelled uploads and digest headers.
func TestConformance(t *testing.T) {
	cmd := exec.Command(tool(t, "conformance"))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "OCI_REGISTRY="+writableRegistry(t, t.TempDir()), "OCI_TLS=disabled", "OCI_VERSION=1.1",
		"OCI_API_BLOBS_UPLOAD_CANCEL=true", "OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `(?m)^ *FAIL\.+: +0$`, string(out))
	require.Regexp(t, `(?m)^ *Pass\.+: +8\d\d$`, string(out))
}
