package tests

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// buildSecondHost builds the host that was written from docs/ABI.md alone and returns the start of its command line.
func buildSecondHost(t *testing.T) []string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "secondhost")
	out, err := exec.Command("go", "build", "-o", bin, "./secondhost").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return []string{bin, "--cache", compiled}
}

// secondHosts give the fixture as a preopened directory, and by frames.
func secondHosts(t *testing.T) []frontEnd {
	wasm, argv := artifact(t, "stevedore.wasm"), buildSecondHost(t)
	end := func(name string, flags func(dir string) []string) frontEnd {
		return frontEnd{name: name, run: func(t *testing.T, dir string, cases []parityCase) []result {
			calls := make([][]string, len(cases))
			for i, c := range cases {
				calls[i] = []string{c.Verb, string(encode(t, c.Request))}
			}
			argv := append(argv[:len(argv):len(argv)], flags(dir)...)
			return together(t, dir, cases, calls, argv[0], func(file, end string) []string {
				return append(argv[1:len(argv):len(argv)], "--calls", file, "--end", end, wasm)
			})
		}}
	}
	return []frontEnd{
		end("second host, WASI", func(dir string) []string { return []string{"--dir", "/=" + dir} }),
		reading(end("second host, frames", func(dir string) []string {
			list, err := os.ReadDir(dir)
			require.NoError(t, err)
			var flags []string
			for _, e := range list {
				flags = append(flags, "--input", e.Name()+"="+filepath.Join(dir, e.Name()))
			}
			return flags
		})),
	}
}

func reading(e frontEnd) frontEnd {
	e.noFolder = true
	return e
}

func TestSecondHost(t *testing.T) {
	argv := buildSecondHost(t)
	t.Run("credentials", func(t *testing.T) { secondHostCredentials(t, argv) })
	t.Run("interrupt", func(t *testing.T) { secondHostInterrupt(t, argv) })
}

// secondHostCredentials asks a registry that wants a name and a password.
func secondHostCredentials(t *testing.T, argv []string) {
	root, err := osfs.Host{}.OpenDir(t.Context(), harbor)
	require.NoError(t, err)
	src, err := layout.Open(t.Context(), root, harbor)
	require.NoError(t, err)
	defer src.Close()
	reg := nethttp.Handler(serve.New(serve.Options{Source: src}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ada" || password != "love:lace" {
			w.Header().Set("WWW-Authenticate", `Basic realm="harbor"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		reg.ServeHTTP(w, r)
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	argv = append(argv[:len(argv):len(argv)], artifact(t, "stevedore.wasm"), "digest", `{"ref":"`+host+`/harbor:latest"}`)
	run := func(creds string) (string, string, int) {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "SECONDHOST_CREDS="+creds)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
	stdout, stderr, code := run(host + "=ada:love:lace")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, layoutTag(t, "latest").Digest.String())
	_, stderr, code = run("elsewhere.example=ada:love:lace")
	require.Equal(t, 4, code, stderr)
	require.Equal(t, "unauthorized", errorKind(t, []byte(stderr)))
}

// secondHostInterrupt interrupts it while a registry does not answer.
func secondHostInterrupt(t *testing.T, argv []string) {
	asked, gone := make(chan bool), make(chan bool)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
		gone <- true
	}))
	defer srv.Close()
	argv = append(argv[:len(argv):len(argv)], artifact(t, "stevedore.wasm"), "digest", `{"ref":"`+strings.TrimPrefix(srv.URL, "http://")+`/harbor:latest"}`)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	<-asked
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	<-gone
	require.Error(t, cmd.Wait())
	require.Equal(t, 130, cmd.ProcessState.ExitCode(), stderr.String())
	require.Equal(t, "cancelled", errorKind(t, stderr.Bytes()))
}
