// Package tests holds what is checked over the whole tree: import rules, parity of the front ends, oracles, limits.
package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/stevedore-oci/stevedore"

type listed struct {
	ImportPath     string
	Name           string
	GoFiles        []string
	IgnoredGoFiles []string
	Imports        []string
	Deps           []string
}

// list returns the packages of the module as the go tool sees them for one platform.
func list(t *testing.T, goos, goarch string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps=false", "-json=ImportPath,Name,GoFiles,IgnoredGoFiles,Imports,Deps", module+"/...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var pkgs []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		p.ImportPath = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		pkgs = append(pkgs, p)
	}
}

// in says whether the package path is one of the rooms or below one.
func in(path string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return path == r || strings.HasPrefix(path, r+"/") })
}

func local(imp string) (string, bool) { return strings.CutPrefix(imp, module+"/") }

// rules are what a package may not import directly, with the reason that a failure prints.
var rules = []struct {
	reason string
	breaks func(pkg, imp string) bool
}{
	{"core never imports transport, fetchshim, host or a shell: verbs get everything through Env", func(pkg, imp string) bool {
		l, ok := local(imp)
		return in(pkg, "core") && ok && !in(l, "core")
	}},
	{"core never imports os, net or net/http: it opens nothing by itself", func(pkg, imp string) bool {
		return in(pkg, "core") && slices.Contains([]string{"os", "os/exec", "syscall", "net", "net/http"}, imp)
	}},
	{"core's parts import std, image-spec and go-digest only (klauspost/compress in core/compress, Masterminds/semver in core/xfer)", func(pkg, imp string) bool {
		return in(pkg, "core") && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") && !in(imp, module, "github.com/opencontainers/image-spec", "github.com/opencontainers/go-digest") &&
			!(pkg == "core/compress" && in(imp, "github.com/klauspost/compress")) && !(pkg == "core/xfer" && in(imp, "github.com/Masterminds/semver")) && !in(pkg, "core/content/contenttest")
	}},
	{"core's parts never import the verbs", func(pkg, imp string) bool { return in(pkg, "core") && pkg != "core" && imp == module+"/core" }},
	{"transports import core's parts and fetchshim, never the verbs or a shell", func(pkg, imp string) bool {
		l, ok := local(imp)
		return in(pkg, "transport") && ok && (l == "core" || !in(l, "core", "transport", "fetchshim"))
	}},
	{"fetchshim is std only", func(pkg, imp string) bool {
		return pkg == "fetchshim" && strings.Contains(imp, ".")
	}},
	{"host imports fetchshim, the frame codec and wazero: it embeds the module, not the library", func(pkg, imp string) bool {
		l, ok := local(imp)
		return in(pkg, "host") && ok && !in(l, "fetchshim", "wasm/frame", "host")
	}},
	{"net/http is two thirds of a wasm file: only fetchshim/nethttp and cmd/native import it", func(pkg, imp string) bool {
		return imp == "net/http" && !in(pkg, "fetchshim/nethttp", "cmd/native", "tests")
	}},
	{"os belongs to shells, osfs and tests", func(pkg, imp string) bool {
		return imp == "os" && !in(pkg, "cmd", "wasm", "transport/fsys/osfs", "tests", "examples", "host", "fetchshim/nethttp/testserver")
	}},
	{"testify is for tests and the shared suites", func(pkg, imp string) bool {
		return in(imp, "github.com/stretchr/testify") && !strings.HasSuffix(pkg, "test") && !in(pkg, "tests")
	}},
}

func TestImportRules(t *testing.T) {
	for _, p := range []struct{ goos, goarch string }{{"linux", "amd64"}, {"windows", "amd64"}, {"darwin", "arm64"}, {"js", "wasm"}, {"wasip1", "wasm"}} {
		t.Run(p.goos, func(t *testing.T) {
			pkgs := list(t, p.goos, p.goarch)
			require.NotEmpty(t, pkgs)
			for _, pkg := range pkgs {
				for _, imp := range pkg.Imports {
					for _, r := range rules {
						if r.breaks(pkg.ImportPath, imp) {
							t.Errorf("%s imports %s: %s", pkg.ImportPath, imp, r.reason)
						}
					}
				}
			}
		})
	}
}

// TestReach follows imports to the end: what must not be linked at all, however indirectly.
func TestReach(t *testing.T) {
	cases := []struct {
		goos, goarch, room string
		banned             []string
		but                []string
	}{
		{"linux", "amd64", "core", []string{"net", "net/http", "crypto/tls", "os/exec"}, nil},
		{"linux", "amd64", "transport", []string{"net/http", "crypto/tls", "os/exec"}, nil},
		{"linux", "amd64", "host", []string{"net/http"}, nil},
		{"wasip1", "wasm", "wasm", []string{"net/http", "crypto/tls", "github.com/tetratelabs/wazero"}, nil},
		{"js", "wasm", "wasm", []string{"net/http", "crypto/tls", "github.com/tetratelabs/wazero"}, nil},
	}
	for _, c := range cases {
		for _, pkg := range list(t, c.goos, c.goarch) {
			if !in(pkg.ImportPath, c.room) || strings.HasSuffix(pkg.ImportPath, "test") {
				continue
			}
			for _, b := range c.banned {
				if slices.Contains(pkg.Deps, b) {
					t.Errorf("%s/%s: %s links %s", c.goos, c.goarch, pkg.ImportPath, b)
				}
			}
		}
	}
}

// tagged are the only packages that may have build tags: which platform it is, is which package a main imports.
var tagged = []string{"fetchshim/jsfetch", "transport/fsys/webfs", "wasm/browser", "wasm/wasi"}

func TestBuildTags(t *testing.T) {
	for _, p := range []struct{ goos, goarch string }{{"linux", "amd64"}, {"js", "wasm"}, {"wasip1", "wasm"}, {"windows", "amd64"}} {
		for _, pkg := range list(t, p.goos, p.goarch) {
			if slices.Equal(pkg.IgnoredGoFiles, []string{"scripts_test.go"}) && p.goos == "wasip1" {
				continue // testscript does not build there
			}
			if len(pkg.IgnoredGoFiles) > 0 && !in(pkg.ImportPath, tagged...) {
				t.Errorf("%s/%s: %s has files for some platforms only: %v", p.goos, p.goarch, pkg.ImportPath, pkg.IgnoredGoFiles)
			}
		}
	}
}

// TestNoWaiting bans waiting past Env's clock, which in the reactor would never wake up.
func TestNoWaiting(t *testing.T) {
	out, err := exec.Command("git", "-C", "..", "ls-files", "--cached", "--others", "--exclude-standard", "core/*.go", "transport/*.go").Output()
	require.NoError(t, err)
	files := strings.Fields(string(out))
	require.NotEmpty(t, files)
	banned := []string{"time.Sleep(", "time.After(", "time.AfterFunc(", "time.NewTimer(", "time.NewTicker(", "time.Tick(", "context.WithTimeout(", "context.WithDeadline(", "runtime.GOOS"}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "core/clock/") || strings.Contains(f, "test/") {
			continue
		}
		src, err := os.ReadFile("../" + f)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, not yet committed
		}
		require.NoError(t, err)
		for n, line := range strings.Split(string(src), "\n") {
			if code, _, _ := strings.Cut(line, "//"); slices.ContainsFunc(banned, func(b string) bool { return strings.Contains(code, b) }) {
				t.Errorf("%s:%d: %s", f, n+1, strings.TrimSpace(line))
			}
		}
	}
}
