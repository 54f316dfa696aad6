package tests

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCosign signs an image in each of the two ways in which cosign stores signatures, as a referrer and under a tag, copies it
// through a registry without an API for referrers, a layout and a bundle, and has cosign verify it at every registry. What a plain
// copy leaves behind is said. It runs in make soak, which builds cosign.
func TestCosign(t *testing.T) {
	if os.Getenv("STEVEDORE_SOAK") == "" {
		return
	}
	bin, dir := artifact(t, "stevedore"), t.TempDir()
	cosign := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), tool(t, "cosign"), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) {
		t.Helper()
		out, err := cosign(args...)
		require.NoError(t, err, "cosign %v: %s", args, out)
	}
	_, a := writable(t)
	b := craneRegistry(t) // has no API for referrers
	must("generate-key-pair")
	mustRun(t, bin, "copy", "oci:"+absolute(t, harbor)+":latest", a+"/team/app:v1")
	at := "@" + strings.TrimSpace(mustRun(t, bin, "digest", a+"/team/app:v1"))
	for _, bundle := range []string{"true", "false"} {
		must("sign", "--yes", "--key=cosign.key", "--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format="+bundle, a+"/team/app"+at)
	}
	verify := func(image string) (failed []string) {
		for _, bundle := range []string{"true", "false"} {
			if out, err := cosign("verify", "--key=cosign.pub", "--insecure-ignore-tlog", "--new-bundle-format="+bundle, image+at); err != nil {
				failed = append(failed, bundle+": "+out)
			}
		}
		return failed
	}
	require.Empty(t, verify(a+"/team/app"))

	plain := mustRun(t, bin, "copy", a+"/team/app:v1", b+"/plain/app:v1")
	require.Contains(t, plain, "left behind: referrers: 1 application/vnd.dev.sigstore.bundle")
	require.Contains(t, plain, "left behind: digest tags: .sig")
	require.Len(t, verify(b+"/plain/app"), 2, "no signature came along")

	with := func(args ...string) {
		mustRun(t, bin, append([]string{"copy", "--referrers", "--digest-tags"}, args...)...)
	}
	with(a+"/team/app:v1", b+"/copied/app:v1")
	require.Empty(t, verify(b+"/copied/app"), "to a registry that keeps referrers under a tag")
	list := strings.Replace(at[1:], ":", "-", 1)
	require.Subset(t, strings.Fields(mustRun(t, bin, "tags", b+"/copied/app")), []string{list, list + ".sig"})
	with(b+"/copied/app:v1", "oci:"+filepath.Join(dir, "l")+":v1")
	with("oci:"+filepath.Join(dir, "l")+":v1", a+"/back/app:v1")
	require.Empty(t, verify(a+"/back/app"), "from there through a layout to one that lists them")
}

// craneRegistry runs crane's own registry until the test ends.
func craneRegistry(t *testing.T) (host string) {
	t.Helper()
	cmd := exec.Command(tool(t, "crane"), "registry", "serve", "--address=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if _, port, ok := strings.Cut(lines.Text(), "serving on port "); ok {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return "localhost:" + port
		}
	}
	t.Fatal("crane registry serve named no port")
	return ""
}
