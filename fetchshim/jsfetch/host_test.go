//go:build !js

package jsfetch_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp/testserver"
)

// TestHosts builds this package's tests for js and runs them in Node and in Deno against a server in this process.
func TestHosts(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "jsfetch.wasm")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("node", func(t *testing.T) {
		run(t, "stream", binary, "node", "--stack-size=8192")
	})
	t.Run("deno", func(t *testing.T) {
		deno, err := filepath.Abs("../../tests/js/node_modules/.bin/deno")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(deno); err != nil {
			t.Fatalf("%v: run make test, or tests/setup.sh test", err)
		}
		run(t, "blob", binary, deno, "run", "--quiet", "--no-config", "--no-lock", "--allow-all", "--v8-flags=--stack-size=4096")
	})
}

// run passes a few variables only: Go's js runtime holds 12 KiB of arguments and environment.
func run(t *testing.T, upload, binary string, host ...string) {
	server, err := json.Marshal(testserver.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	glue := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")
	args := append(host[1:], "testdata/run.mjs", glue, binary, "-test.v")
	cmd := exec.CommandContext(t.Context(), host[0], args...)
	cmd.Env = append(os.Environ(), "FETCHTEST_SERVER="+string(server), "FETCHTEST_UPLOAD="+upload)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", host[0], err, out)
	}
	t.Logf("%s", out)
}
