package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/credential"
	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// environment gives the machine to the verbs.
func environment(_ context.Context, g cli.Global, events func(event.Event)) (*core.Env, func(), error) {
	fetcher, err := newFetcher(g)
	if err != nil {
		return nil, nil, err
	}
	keys, err := keychain(g, events)
	if err != nil {
		return nil, nil, err
	}
	temp, err := os.MkdirTemp("", "stevedore-")
	if err != nil {
		return nil, nil, errs.New(errs.Internal, os.TempDir(), "temporary folder: %w", err)
	}
	scratch, err := osfs.Create(temp)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(temp))
	}
	// Containers are Linux on every desktop: a Mac asks for linux/arm64.
	env := &core.Env{Clock: clock.System{}, Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH}}
	o := transport.Options{
		Files: osfs.Host{}, Writable: osfs.Host{}, Fetcher: fetcher, Keychain: keys, Clock: clock.System{}, Event: events, Scratch: scratch,
		Stdin:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(os.Stdin), nil },
		Stdout: func(ctx context.Context, _ string) (io.WriteCloser, error) { return env.Output(ctx, "") },
	}
	if g.PlainHTTP != "" {
		o.PlainHTTP = func(string) bool { return g.PlainHTTP == "true" }
	}
	if err := mirrored(g, &o); err != nil {
		_ = scratch.Close()
		return nil, nil, errors.Join(err, os.RemoveAll(temp))
	}
	mux := transport.New(o)
	env.Origin = mux.Origin
	env.Source, env.Sink, env.Registry, env.Leftovers, env.File = mux.Open, mux.Create, mux.Registry, mux.Leftovers, mux.OpenFile
	return env, func() {
		_ = scratch.Close()
		_ = os.RemoveAll(temp)
	}, nil
}

func newFetcher(g cli.Global) (*nethttp.Fetcher, error) {
	conf, err := tlsConfig(g)
	if err != nil {
		return nil, err
	}
	return nethttp.New(nethttp.Options{TLS: conf}), nil
}

// tlsConfig reads the files that the options name; nil where there is nothing to say.
func tlsConfig(g cli.Global) (*tls.Config, error) {
	t := nethttp.TLS{SkipVerify: g.Insecure}
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{g.CAFile, &t.CA}, {g.CertFile, &t.Cert}, {g.KeyFile, &t.Key}} {
		if f.name == "" {
			continue
		}
		b, err := os.ReadFile(f.name)
		if err != nil {
			return nil, errs.New(errs.Input, f.name, "%w", err)
		}
		*f.to = b
	}
	conf, err := t.Config()
	if err != nil {
		return nil, errs.New(errs.Input, "TLS", "%w", err)
	}
	return conf, nil
}

// keychain is what --creds or --authfile say, else the user's files and helpers.
func keychain(g cli.Global, events func(event.Event)) (auth.Keychain, error) {
	if g.Creds != "" {
		user, password, ok := strings.Cut(g.Creds, ":")
		if !ok || user == "" {
			return nil, errs.New(errs.Input, "--creds", "is not user:password")
		}
		return auth.Static{Username: user, Password: password}, nil
	}
	k := credential.Default(os.Getenv)
	if g.AuthFile != "" {
		k = credential.Keychain{Files: []string{g.AuthFile}, Required: true}
	}
	k.Warn = func(subject, message string) {
		events(event.Event{Kind: event.Warning, Subject: subject, Message: message})
	}
	return k, nil
}

// create makes an output file that appears under its name when it is whole.
func create(name string) (io.WriteCloser, error) {
	f, err := osfs.CreatePending(name)
	if err != nil {
		return nil, fsys.Kinded(name, err)
	}
	return f, nil
}
