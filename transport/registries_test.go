package transport_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// registries are the servers of other projects that tests push to, each on a folder of its own for the length of the test.
var registries = map[string]func(t *testing.T) (host string){
	"olareg 0.2":          func(t *testing.T) string { return startOlareg(t) },
	"distribution 3":      func(t *testing.T) string { return startDistribution(t, "registry") },
	"docker-registry 2.8": func(t *testing.T) string { return startDistribution(t, "docker-registry") },
	"crane":               func(t *testing.T) string { return craneRegistry(t) },
}

// haveRegistry says whether a server is installed: all but Debian's are built by tests/setup.sh.
func haveRegistry(t *testing.T, name string) bool {
	t.Helper()
	if name != "docker-registry 2.8" {
		return true
	}
	if _, err := exec.LookPath("docker-registry"); err != nil {
		require.Empty(t, os.Getenv("STEVEDORE_SOAK"), "docker-registry is missing: run tests/setup.sh soak")
		t.Log("docker-registry is not installed; make soak installs it")
		return false
	}
	return true
}

// start runs a server until the test ends and returns its standard error.
func start(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return stderr
}

// startDistribution runs the registry of the distribution project, the old or the new one.
func startDistribution(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:0', secret: test}\n", dir)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	cmd := exec.Command(tool(t, program), "serve", config)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	stderr := start(t, cmd)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if _, addr, ok := strings.Cut(lines.Text(), "listening on "); ok {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			addr, _, _ = strings.Cut(addr, `"`)
			return addr
		}
	}
	t.Fatalf("%s named no address", program)
	return ""
}

// startOlareg runs olareg, which does not say which port it took.
func startOlareg(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	stderr := start(t, exec.Command(tool(t, "olareg"), "serve", "--addr", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--api-delete", "--api-blob-delete"))
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + addr + "/v2/")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == 200
	}, 20*time.Second, 20*time.Millisecond)
	return addr
}
