//go:build !wasip1

package tests

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs tests/scripts on the native binary. Each script finds the bundled image as ./harbor.
func TestScripts(t *testing.T) {
	bin := filepath.Dir(artifact(t, "stevedore"))
	src := absolute(t, harbor)
	testscript.Run(t, testscript.Params{
		Dir: "scripts",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TMPDIR", env.WorkDir)
			return os.CopyFS(filepath.Join(env.WorkDir, "harbor"), os.DirFS(src))
		},
	})
}
