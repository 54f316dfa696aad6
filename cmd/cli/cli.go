// Package cli is the command line, the same for the native binary and for the WASI command: verbs become subcommands,
// request fields become flags, results become JSON or something pleasant to read. It opens nothing by itself.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
)

// Global are the options that every command has.
type Global struct {
	JSON      bool
	JSONL     bool
	Events    string // "" or "json"
	Quiet     bool
	Jobs      int
	Creds     string // user:password, for the one registry that a command names
	AuthFile  string
	PlainHTTP string // "", "true" or "false"
	CAFile    string
	CertFile  string
	KeyFile   string
	Insecure  bool
	Ranges    int // parts of a large blob that are read at once; 0 for one
	NoFsync   bool
	// Src and Dest are for the registry that is read where another one is written, and for that one.
	Src, Dest End
	// CreateRepository is a program that makes a repository which a registry does not have; "" for none.
	CreateRepository string
	// NoRegistriesConf passes over mirrors, short names and blocked registries of containers-registries.conf(5).
	NoRegistriesConf bool
}

// End is what can be said of one end of a copy; the zero value says what Global does.
type End struct {
	Creds     string
	AuthFile  string
	PlainHTTP string
	Insecure  bool
}

// At is g as it is meant for one end.
func (g Global) At(e End) Global {
	g.Creds, g.AuthFile, g.PlainHTTP = cmp.Or(e.Creds, g.Creds), cmp.Or(e.AuthFile, g.AuthFile), cmp.Or(e.PlainHTTP, g.PlainHTTP)
	g.Insecure = g.Insecure || e.Insecure
	return g
}

// Shell is what a program gives to the command line.
type Shell struct {
	Stdout, Stderr io.Writer
	// Terminal says whether standard output is one, and Color whether it takes colour (NO_COLOR is not set).
	Terminal, Color bool
	// Width is how many columns it has; 0 where it is no terminal.
	Width int
	// Env makes the environment of verbs from the options; the function it returns frees it.
	Env func(ctx context.Context, g Global, events func(event.Event)) (*core.Env, func(), error)
	// Create opens a file for output, which appears under its name when it is closed. Nil: there is no --output to files.
	Create func(name string) (io.WriteCloser, error)
	// Progress begins to show how far a command is, called what; nil where standard error is no terminal.
	Progress func(what string) Progress
	// SyncYAML reads the jobs of sync from the YAML of other tools in a file called name; to is where jobs go whose file names no
	// destination, "" for nowhere. Nil: such files are of kind unsupported.
	SyncYAML func(ctx context.Context, env *core.Env, name string, text []byte, to string) ([]core.SyncJob, error)
	// Commands adds subcommands that only this program has.
	Commands func(g *Global) []*cobra.Command
	// Registries says whether this program reaches registries, whose flags are left out otherwise.
	Registries bool
}

// Run runs one command line (without the program's name) and returns the exit status. It prints to the shell only.
func Run(ctx context.Context, args []string, sh Shell) int {
	var g Global
	root := newRoot(&sh, &g)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil || errors.Is(err, ErrClosed) {
		return 0
	}
	if ctx.Err() != nil {
		err = &errs.Error{Kind: errs.Cancelled, Err: errors.New("interrupted")}
	}
	report(&sh, &g, err)
	return errs.Of(err).Exit()
}

func newRoot(sh *Shell, g *Global) *cobra.Command {
	root := &cobra.Command{
		Use:   "stevedore",
		Short: "Everything you can do to a container image except run it",
		Long: "Stevedore works on OCI images at rest: in a registry (docker://, or just a name), in a layout folder (oci:), in an " +
			"archive (oci-archive:, docker-archive:), in a folder (dir:). It needs no daemon and no root.",
		Example:       "  stevedore inspect alpine:3.20\n  stevedore files docker-archive:saved.tar '/etc/**'\n  stevedore cat oci:./layout:latest /etc/os-release",
		SilenceErrors: true, SilenceUsage: true,
		Args: noSuch,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(sh.Stdout)
	root.SetErr(sh.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return errs.New(errs.Input, "", "%w", err).Hinted("%s --help lists the flags", cmd.CommandPath())
	})
	root.SetHelpFunc(help)
	root.SetHelpCommand(helpCommand())
	globals(root, sh, g)
	for _, v := range core.Verbs() {
		group(root, v).AddCommand(command(sh, g, v))
	}
	if sh.Commands != nil {
		root.AddCommand(sh.Commands(g)...)
	}
	return root
}

// group is the command that the command of a verb belongs to: of manifest-get it is manifest.
func group(root *cobra.Command, v core.Verb) *cobra.Command {
	name, _, ok := strings.Cut(v.Name, "-")
	if !ok {
		return root
	}
	for _, c := range root.Commands() {
		if c.Name() == name {
			return c
		}
	}
	c := &cobra.Command{Use: name, Short: "One " + name + " at a time, for scripts", Args: noSuch, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	root.AddCommand(c)
	return c
}

// noSuch refuses arguments of a command that has only subcommands.
func noSuch(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errs.New(errs.Input, args[0], "is not a command").Hinted("%s --help lists them", cmd.CommandPath())
	}
	return nil
}

func globals(root *cobra.Command, sh *Shell, g *Global) {
	f := root.PersistentFlags()
	f.BoolVar(&g.JSON, "json", false, "print the result as one JSON document")
	f.BoolVar(&g.JSONL, "jsonl", false, "print a list as JSON, one item a line")
	f.StringVar(&g.Events, "events", "", "print events to standard error, one a line")
	values(root, "events", "json")
	f.BoolVarP(&g.Quiet, "quiet", "q", false, "no progress and no warnings")
	f.IntVar(&g.Jobs, "jobs", 0, "blobs of an image to read at once, and images of a sync, which compares four times as many (default 4)")
	if !sh.Registries {
		return
	}
	f.StringVar(&g.Creds, "creds", "", "user:password for the one registry that is named")
	f.StringVar(&g.AuthFile, "authfile", "", "read credentials from this file instead of Docker's and Podman's")
	f.StringVar(&g.PlainHTTP, "plain-http", "", "true: no TLS; false: TLS on the loopback too")
	f.Lookup("plain-http").NoOptDefVal = "true"
	f.StringVar(&g.CAFile, "ca-file", "", "trust the certificates in this PEM file as well")
	f.StringVar(&g.CertFile, "cert-file", "", "client certificate, PEM")
	f.StringVar(&g.KeyFile, "key-file", "", "key of the client certificate, PEM")
	f.BoolVar(&g.NoRegistriesConf, "no-registries-conf", false, "pass over registries.conf: no mirrors, no short names, nothing blocked")
	f.BoolVar(&g.Insecure, "insecure-skip-tls-verify", false, "do not check the registry's certificate")
}

func check(g *Global) error {
	for _, f := range []struct{ flag, value string }{{"--plain-http", g.PlainHTTP}, {"--src-plain-http", g.Src.PlainHTTP}, {"--dest-plain-http", g.Dest.PlainHTTP}} {
		if !slices.Contains([]string{"", "true", "false"}, f.value) {
			return errs.New(errs.Input, f.flag, "%q is neither true nor false", f.value)
		}
	}
	switch {
	case g.Events != "" && g.Events != "json":
		return errs.New(errs.Input, "--events", "%q is not a form of events", g.Events).Hinted("the only one is json")
	case g.Ranges < 0:
		return errs.New(errs.Input, "--ranges", "%d is negative", g.Ranges)
	case g.Jobs < 0:
		return errs.New(errs.Input, "--jobs", "%d is negative", g.Jobs)
	case g.JSON && g.JSONL:
		return errs.New(errs.Input, "--json", "excludes --jsonl")
	case (g.CertFile == "") != (g.KeyFile == ""):
		return errs.New(errs.Input, "--cert-file", "goes with --key-file")
	case g.Creds != "" && g.Src.Creds+g.Dest.Creds != "":
		return errs.New(errs.Input, "--creds", "excludes --src-creds and --dest-creds")
	}
	return nil
}

// report prints an error: a line, and a line that says what to do; with --json one JSON document. It goes to standard error,
// so that standard output holds results only.
func report(sh *Shell, g *Global, err error) {
	if g.JSON || g.JSONL {
		b, _ := json.Marshal(struct {
			Error errs.Wire `json:"error"`
		}{errs.WireOf(err)})
		fmt.Fprintf(sh.Stderr, "%s\n", b)
		return
	}
	fmt.Fprintf(sh.Stderr, "stevedore: %s\n", plain(strings.TrimSpace(err.Error())))
	if h := errs.HintOf(err); h != "" {
		fmt.Fprintf(sh.Stderr, "hint: %s\n", plain(h))
	}
}
