// Command native is the stevedore binary: the command line with everything that a machine has.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/syncfile"
)

// memoryTarget is when the collector starts to work harder, in bytes: a tool that streams has no use for a large heap.
const memoryTarget = 48 << 20

// sigpipe has this number on every system that has it; its name is missing where this package only has to compile.
const sigpipe = syscall.Signal(13)

func main() { os.Exit(run()) }

func run() int {
	debug.SetMemoryLimit(memoryTarget)
	debug.SetGCPercent(50)
	// A reader that goes away is seen as an error of Write, which ends the command quietly.
	signal.Ignore(sigpipe)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := cli.Pipe(os.Stdout)
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	known := new(logins)
	file := syncfile.Reader{Getenv: os.Getenv, ReadFile: os.ReadFile, Login: known.add}
	sh := cli.Shell{
		Stdout: out, Stderr: os.Stderr,
		Terminal: terminal, Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		Env: known.environment, Create: create, SyncYAML: file.Read, Registries: true,
		Commands: func(g *cli.Global) []*cobra.Command {
			return []*cobra.Command{serveCommand(g, out), webCommand(g, out), loginCommand(g, out), logoutCommand(g, out)}
		},
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		sh.Width = width
	}
	if term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb" {
		sh.Progress = newProgress
	}
	return cli.Run(ctx, os.Args[1:], sh)
}
