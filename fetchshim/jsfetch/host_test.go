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

// TestHosts builds this package's tests for js and runs them in Node, in Deno, and in a page and a Worker of Chromium, against
// a server in this process.
func TestHosts(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "jsfetch.wasm")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	glue := filepath.Join(goroot(t), "lib", "wasm", "wasm_exec.js")
	t.Run("node", func(t *testing.T) {
		run(t, "stream", "node", "--stack-size=8192", "testdata/run.mjs", glue, binary)
	})
	t.Run("deno", func(t *testing.T) {
		deno, err := filepath.Abs("../../tests/js/node_modules/.bin/deno")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(deno); err != nil {
			t.Fatalf("%v: run make test, or tests/setup.sh test", err)
		}
		run(t, "blob", deno, "run", "--quiet", "--no-config", "--no-lock", "--allow-all", "--v8-flags=--stack-size=4096",
			"testdata/run.mjs", glue, binary)
	})
	for _, place := range []string{"page", "worker"} {
		t.Run(place, func(t *testing.T) {
			chromium, err := exec.LookPath("chromium")
			if err != nil {
				t.Fatalf("%v: run make test, or tests/setup.sh test", err)
			}
			// A browser sends no streams over HTTP/1.1, and tells no program of the memory of its process.
			run(t, "blob", "node", "testdata/browser.mjs", chromium, place, glue, binary, "-test.run=^(TestSuite|TestNoFunctionLeaks)$")
		})
	}
}

func goroot(t *testing.T) string {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(root))
}

// run passes a few variables only: Go's js runtime holds 12 KiB of arguments and environment.
func run(t *testing.T, upload string, host ...string) {
	server, err := json.Marshal(testserver.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), host[0], append(host[1:], "-test.v")...)
	cmd.Env = append(os.Environ(), "FETCHTEST_SERVER="+string(server), "FETCHTEST_UPLOAD="+upload, "FETCHTEST_HOST="+filepath.Base(t.Name()))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", host[0], err, out)
	}
	t.Logf("%s", out)
}
