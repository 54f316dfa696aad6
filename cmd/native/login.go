package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/credential"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

func loginCommand(g *cli.Global, stdout io.Writer) *cobra.Command {
	var user string
	var fromStdin, unchecked bool
	cmd := &cobra.Command{
		Use: "login REGISTRY", Short: "Keep a credential for a registry where Docker and Podman find it",
		Long: "Login asks the registry whether the credential is good, and keeps it in the file that docker login would write to (or in\n" +
			"--authfile), or in the credential helper that the file names.",
		Example: "  stevedore login registry.example\n  echo $TOKEN | stevedore login --username me --password-stdin ghcr.io",
		Args:    oneRegistry("login"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l := login{g: *g, stdout: stdout, user: user, fromStdin: fromStdin, unchecked: unchecked}
			return l.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().StringVarP(&user, "username", "u", "", "user name (asked for on a terminal)")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password or token from standard input")
	cmd.Flags().BoolVar(&unchecked, "no-check", false, "keep it without asking the registry")
	return cmd
}

func logoutCommand(g *cli.Global, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "logout REGISTRY", Short: "Forget the credential for a registry",
		Example: "  stevedore logout registry.example",
		Args:    oneRegistry("logout"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, _, err := registryName(args[0])
			if err != nil {
				return err
			}
			if err := storeOf(*g).Delete(cmd.Context(), name); err != nil {
				return err
			}
			_, err = fmt.Fprintf(stdout, "forgot the credential for %s\n", name)
			return err
		},
	}
}

func oneRegistry(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errs.New(errs.Input, command, "takes one registry").Hinted("for example stevedore %s ghcr.io", command)
		}
		return nil
	}
}

// registryName is how credential files and people call a registry, and the host that it is reached at.
func registryName(typed string) (name, host string, err error) {
	r, err := ref.ParseRegistry(typed)
	if err != nil {
		return "", "", err
	}
	if r.Host == ref.HubHost {
		return ref.HubName, r.Host, nil
	}
	return r.Host, r.Host, nil
}

func storeOf(g cli.Global) credential.Store {
	if g.AuthFile != "" {
		return credential.Store{File: g.AuthFile}
	}
	return credential.DefaultStore(os.Getenv)
}

type login struct {
	g                    cli.Global
	stdout               io.Writer
	user                 string
	fromStdin, unchecked bool
}

func (l login) run(ctx context.Context, typed string) error {
	name, host, err := registryName(typed)
	if err != nil {
		return err
	}
	user, password, err := l.ask(name)
	if err != nil {
		return err
	}
	if !l.unchecked {
		if err := l.check(ctx, host, user, password); err != nil {
			return err
		}
	}
	where, err := storeOf(l.g).Set(ctx, name, user, password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.stdout, "logged in to %s as %s, kept in %s\n", name, user, where)
	return err
}

func (l login) check(ctx context.Context, host, user, password string) error {
	fetcher, err := newFetcher(l.g)
	if err != nil {
		return err
	}
	o := registry.Options{Fetcher: fetcher, Keychain: auth.Static{Username: user, Password: password}}
	if l.g.PlainHTTP != "" {
		o.PlainHTTP = func(string) bool { return l.g.PlainHTTP == "true" }
	}
	return registry.New(o).Ping(ctx, host)
}

// ask finds user and password: in --creds, on standard input, or by asking at the terminal, where the password is not shown.
func (l login) ask(name string) (user, password string, err error) {
	if user, password, ok := strings.Cut(l.g.Creds, ":"); ok {
		return user, password, nil
	}
	in := bufio.NewReader(os.Stdin)
	if l.fromStdin {
		if l.user == "" {
			return "", "", errs.New(errs.Input, "--password-stdin", "goes with --username")
		}
		raw, err := io.ReadAll(io.LimitReader(in, 64<<10))
		return l.user, strings.TrimRight(string(raw), "\r\n"), err
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", "", errs.New(errs.Input, name, "needs a user name and a password, and there is no terminal to ask at").
			Hinted("use --username and --password-stdin")
	}
	if user = l.user; user == "" {
		fmt.Fprint(os.Stderr, "Username: ")
		if user, err = in.ReadString('\n'); err != nil {
			return "", "", err
		}
		user = strings.TrimSpace(user)
	}
	fmt.Fprint(os.Stderr, "Password: ")
	raw, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	return user, string(raw), err
}
