package tests

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// screen is what a command has written to its terminal so far.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.buf.String(), "\r\n", "\n")
}

// terminal prepares a shell command whose standard input, output and error are a terminal of 80 columns.
func terminal(t *testing.T, dir, command string, env ...string) (*exec.Cmd, *screen) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "script"), "-qefc", "stty cols 80 rows 24; "+command, "/dev/null")
	cmd.Dir = dir
	path := filepath.Dir(artifact(t, "stevedore")) + string(os.PathListSeparator) + os.Getenv("PATH")
	cmd.Env = append(os.Environ(), append([]string{"PATH=" + path, "TERM=xterm", "NO_COLOR=", "HOME=" + dir}, env...)...)
	s := &screen{}
	cmd.Stdout, cmd.Stderr = s, s
	return cmd, s
}

func look(t *testing.T, dir, command string, env ...string) string {
	t.Helper()
	cmd, s := terminal(t, dir, command, env...)
	require.NoError(t, cmd.Run(), s.String())
	return s.String()
}

// TestTerminal: colour and width are those of a terminal, and nowhere else.
func TestTerminal(t *testing.T) {
	dir := fixture(t)
	const bold, escape = "\x1b[1m", "\x1b["
	views := []string{"inspect oci:harbor", "inspect oci:harbor:arm64", "layers oci:harbor:amd64", "tags oci:harbor", "validate oci:harbor:amd64"}
	for _, view := range views {
		text := look(t, dir, "stevedore "+view, "NO_COLOR=1")
		require.NotContains(t, text, escape, view)
		for _, line := range strings.Split(text, "\n") {
			if !strings.Contains(line, "org.opencontainers") { // what the image says is not cut
				require.LessOrEqual(t, len([]rune(line)), 80, "%s: %s", view, line)
			}
		}
	}
	require.Contains(t, look(t, dir, "stevedore inspect oci:harbor"), bold)
	require.NotContains(t, look(t, dir, "stevedore inspect oci:harbor", "TERM=dumb"), escape)
	require.NotContains(t, look(t, dir, "stevedore inspect oci:harbor | cat"), escape)
	require.NotContains(t, look(t, dir, "stevedore inspect --json oci:harbor"), escape)
	require.Contains(t, look(t, dir, "stevedore export oci:harbor:amd64 /etc; echo status $?"), "not for a terminal\nhint: name a file with --output, or pipe them into another program\nstatus 2\n")
	require.Contains(t, look(t, dir, "stevedore export --output - oci:harbor:amd64 /etc/banner"), "second banner")
	require.Contains(t, look(t, dir, "stevedore copy oci:harbor oci-archive:- | true; echo statuses ${PIPESTATUS[*]}", "SHELL=/bin/bash"), "was not read to its end\nstatuses 1 0\n")
	require.Contains(t, look(t, dir, "stevedore files oci:harbor:amd64 | head -n 1; echo statuses ${PIPESTATUS[*]}", "SHELL=/bin/bash"), "/bin\nstatuses 0 0\n")
}

// TestProgress: a command that takes long says on the terminal that it goes on, and leaves nothing of it there.
func TestProgress(t *testing.T) {
	shown := make(chan struct{})
	registry := registryOf(t, harbor)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			<-shown // a registry that keeps us waiting until we have seen what is shown meanwhile
		}
		http.Redirect(w, r, "http://"+registry+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	release := sync.OnceFunc(func() { close(shown) })
	defer slow.Close()
	defer release()
	ref := strings.TrimPrefix(slow.URL, "http://") + "/harbor:latest"
	cmd, s := terminal(t, t.TempDir(), "stevedore inspect --platform linux/arm64 "+ref, "NO_COLOR=1")
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return strings.Contains(s.String(), "inspect "+ref[:12]) }, 30*time.Second, 20*time.Millisecond)
	require.NotContains(t, s.String(), "Digest")
	release()
	require.NoError(t, cmd.Wait(), s.String())
	_, after, found := strings.Cut(s.String(), "Reference:")
	require.True(t, found)
	require.NotContains(t, after, "\x1b", "nothing is drawn any more")
	require.Contains(t, after, "linux/arm64/v8")

	quiet := look(t, t.TempDir(), "stevedore inspect --quiet --json "+ref)
	require.NotContains(t, quiet, "\x1b")
}
