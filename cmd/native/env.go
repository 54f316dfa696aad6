package main

import (
	"context"
	"crypto/tls"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/cmd/native/credential"
	"github.com/stevedore-oci/stevedore/cmd/native/registries"
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
func environment(ctx context.Context, g cli.Global, events func(event.Event)) (*core.Env, func(), error) {
	return new(logins).environment(ctx, g, events)
}

// environment speaks to registries as l says.
func (l *logins) environment(_ context.Context, g cli.Global, events func(event.Event)) (*core.Env, func(), error) {
	scratch, free := osfs.Scratch("stevedore-")
	// Containers are Linux on every desktop: a Mac asks for linux/arm64.
	env := &core.Env{Clock: clock.System{}, Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH}}
	o := transport.Options{
		Files: osfs.Host{}, Writable: osfs.Host{}, Clock: clock.System{}, Event: events, Scratch: scratch,
		Stdin:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(os.Stdin), nil },
		Stdout: func(ctx context.Context, _ string) (io.WriteCloser, error) { return env.Output(ctx, "") },
	}
	if g.NoFsync {
		o.Writable = fsys.UnsyncedHost(o.Writable)
	}
	reads, writes, err := l.muxes(g, o)
	if err != nil {
		free()
		return nil, nil, err
	}
	env.Source, env.Registry, env.File = reads.Open, reads.Registry, reads.OpenFile
	env.Origin, env.Sink, env.Leftovers = writes.Origin, writes.Create, writes.Leftovers
	return env, free, nil
}

// muxes are for reading and for writing; one where nothing is said of either end.
func (l *logins) muxes(g cli.Global, o transport.Options) (reads, writes *transport.Mux, err error) {
	if o.CreateRepository, err = creator(g.CreateRepository); err != nil {
		return nil, nil, err
	}
	var conf *registries.Config
	if !g.NoRegistriesConf {
		read, err := registries.Load(os.Getenv)
		if err != nil {
			return nil, nil, err
		}
		conf = &read
	}
	reads, err = l.newMux(g, conf, "--src-creds", g.Src, o)
	if err != nil || g.Src == (cli.End{}) && g.Dest == (cli.End{}) {
		return reads, reads, err
	}
	writes, err = l.newMux(g, conf, "--dest-creds", g.Dest, o)
	return reads, writes, err
}

// newMux opens references as registries.conf, unless it is nil, and the options of the command line say for one end, whose credentials
// a flag gives.
func (l *logins) newMux(g cli.Global, conf *registries.Config, flag string, e cli.End, o transport.Options) (*transport.Mux, error) {
	if g = g.At(e); e.Creds == "" {
		flag = "--creds"
	}
	fetcher, err := newFetcher(g)
	if err != nil {
		return nil, err
	}
	o.Fetcher = fetcher
	if o.Keychain, err = keychain(g, flag, o.Event); err != nil {
		return nil, err
	}
	if g.PlainHTTP != "" {
		o.PlainHTTP = func(string) bool { return g.PlainHTTP == "true" }
	}
	o.Ranges = g.Ranges
	if conf != nil {
		if err := mirrored(g, *conf, &o); err != nil {
			return nil, err
		}
	}
	o.Keychain, o.MirrorKeychain, o.PlainHTTP = l.before(o.Keychain), l.before(o.MirrorKeychain), l.plain(o.PlainHTTP)
	return transport.New(o), nil
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

// keychain is what --creds (or the flag for one end) or --authfile say, else the user's files and helpers.
func keychain(g cli.Global, flag string, events func(event.Event)) (auth.Keychain, error) {
	if g.Creds != "" {
		user, password, ok := strings.Cut(g.Creds, ":")
		if !ok || user == "" {
			return nil, errs.New(errs.Input, flag, "is not user:password")
		}
		return &given{flag: flag, credential: auth.Credential{Username: user, Password: password}}, nil
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

// given is a credential from the command line: for the first registry that asks for one, and for no other.
type given struct {
	flag       string
	credential auth.Credential

	mu       sync.Mutex
	registry string
}

// Credential implements [auth.Keychain].
func (k *given) Credential(_ context.Context, registry string) (auth.Credential, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.registry == "" {
		k.registry = registry
	}
	if k.registry != registry {
		return auth.Credential{}, errs.New(errs.Input, k.flag, "is for one registry, and was sent to %s", k.registry).Hinted("log in to %s", registry)
	}
	return k.credential, nil
}

// create makes an output file that appears under its name when it is whole.
func create(name string) (io.WriteCloser, error) {
	f, err := osfs.CreatePending(name)
	if err != nil {
		return nil, fsys.Kinded(name, err)
	}
	return f, nil
}
