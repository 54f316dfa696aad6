package cli

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// output runs a command line that needs no environment and returns what it prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	sh := Shell{Stdout: &out, Stderr: &errOut, Registries: true}
	require.Zero(t, Run(context.Background(), args, sh), errOut.String())
	require.Empty(t, errOut.String())
	return out.String()
}

// commands lists all commands, each as its words.
func commands(cmd *cobra.Command, path []string) [][]string {
	out := [][]string{path}
	for _, c := range cmd.Commands() {
		out = append(out, commands(c, append(path[:len(path):len(path)], c.Name()))...)
	}
	return out
}

// TestHelpOfEveryCommand: it says what the command is for and how it is called, explains each flag, has an example for each
// verb, and is no wider than a terminal.
func TestHelpOfEveryCommand(t *testing.T) {
	var g Global
	root := newRoot(&Shell{Registries: true}, &g)
	paths := commands(root, nil)
	require.Greater(t, len(paths), 6)
	for _, path := range paths {
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			text := output(t, append(path, "--help")...)
			require.Contains(t, text, "\nUsage:\n  stevedore")
			if cmd, _, err := root.Find(path); err == nil && cmd.ValidArgsFunction != nil && len(cmd.Annotations) > 0 {
				require.Contains(t, text, "\nExamples:\n  ")
				require.Contains(t, text, "\nArguments:\n  ")
			}
			example := false
			for _, line := range strings.Split(text, "\n") {
				if strings.HasSuffix(line, ":") {
					example = line == "Examples:"
				}
				if !example && !strings.HasPrefix(line, "\t") {
					require.LessOrEqual(t, len([]rune(line)), helpWidth, line)
				}
				require.Equal(t, strings.TrimRight(line, " "), line)
			}
		})
	}
}

func TestHelpIsTheSameHoweverAsked(t *testing.T) {
	want := output(t, "files", "--help")
	require.Equal(t, want, output(t, "help", "files"))
	require.Equal(t, want, output(t, "files", "-h"))
	require.Contains(t, want, "  -l, --long ")
	require.Contains(t, want, "--platform OS/ARCH  ")
	require.Equal(t, output(t), output(t, "--help"))
	require.Equal(t, output(t), output(t, "help"))
	require.Equal(t, errs.Input.Exit(), Run(context.Background(), []string{"help", "nothing"}, Shell{Stdout: io.Discard, Stderr: io.Discard}))
	require.Contains(t, output(t), "--creds USER:PASSWORD")
	require.Contains(t, output(t, "copy", "--help"), "--compress gzip|zstd")
}

func TestWithoutRegistriesTheirFlagsAreLeftOut(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, Run(context.Background(), nil, Shell{Stdout: &out, Stderr: &out}))
	require.NotContains(t, out.String(), "creds")
	require.NotContains(t, out.String(), "Flags for registries")
	require.Equal(t, errs.Input.Exit(), Run(context.Background(), []string{"version", "--creds", "a:b"}, Shell{Stdout: &out, Stderr: &out}))
}

// complete asks as a shell's completion script does.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	var out bytes.Buffer
	require.Zero(t, Run(context.Background(), append([]string{cobra.ShellCompNoDescRequestCmd}, words...), Shell{Stdout: &out, Stderr: &bytes.Buffer{}, Registries: true}))
	return strings.Fields(out.String())
}

func TestCompletion(t *testing.T) {
	require.Contains(t, complete(t, "insp"), "inspect")
	require.Subset(t, complete(t, ""), []string{"inspect", "files", "copy", "completion"})
	require.Contains(t, complete(t, "files", "--lo"), "--long")
	require.Equal(t, []string{"sha256", "sha384", "sha512", ":4"}, complete(t, "digest", "--algorithm", ""))
	require.Equal(t, []string{"json", ":4"}, complete(t, "files", "--events", ""))
	require.Equal(t, []string{"docker://", "docker-archive:", ":6"}, complete(t, "inspect", "docker"), "no space follows, and no file is meant")
	require.Equal(t, []string{"oci:", "oci-archive:", ":6"}, complete(t, "copy", "alpine", "oci"))
	require.Equal(t, []string{":0"}, complete(t, "cat", "alpine", "/etc/"), "other arguments are the shell's")
}
