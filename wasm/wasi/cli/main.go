//go:build wasip1

// Command cli is the command line for any WASI preview 1 runtime (stevedore-cli.wasm): files through the directories that
// the runtime opens for it, no registries.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
)

const noRegistry = "WASI preview 1 has no sockets: read a layout or an archive in a directory that the runtime opens (oci:PATH, docker-archive:FILE), " +
	"or use the native binary, or embed stevedore.wasm, whose host sends the requests"

func main() {
	// Memory of a wasm instance never shrinks, so it is kept from growing.
	debug.SetGCPercent(50)
	os.Exit(cli.Run(context.Background(), os.Args[1:], cli.Shell{
		Stdout: cli.Pipe(patient{os.Stdout}), Stderr: patient{os.Stderr},
		Env: environment, Create: create,
	}))
}

// environment gives the verbs the directories and the standard input of the runtime.
func environment(_ context.Context, g cli.Global, events func(event.Event)) (*core.Env, func(), error) {
	scratch, free := osfs.Scratch("stevedore-")
	env := &core.Env{Clock: clock.System{}, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
	o := transport.Options{
		Files: osfs.Host{}, Writable: osfs.Host{}, NoRegistryHint: noRegistry, Clock: clock.System{}, Event: events, Scratch: scratch,
		Stdin:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(patient{os.Stdin}), nil },
		Stdout: func(ctx context.Context, _ string) (io.WriteCloser, error) { return env.Output(ctx, "") },
	}
	if g.NoFsync {
		o.Writable = fsys.UnsyncedHost(o.Writable)
	}
	mux := transport.New(o)
	env.Source, env.Origin, env.Sink, env.Leftovers, env.File = mux.Open, mux.Origin, mux.Create, mux.Leftovers, mux.OpenFile
	return env, free, nil
}

func create(name string) (io.WriteCloser, error) {
	f, err := osfs.CreatePending(name)
	if err != nil {
		return nil, fsys.Kinded(name, err)
	}
	return f, nil
}

// patient waits while a pipe is full or empty. Node makes the pipes of its standard input and output not block after the
// Go runtime has seen them as blocking, and so the runtime leaves EAGAIN to us.
type patient struct{ f *os.File }

func (p patient) Read(b []byte) (int, error) {
	for {
		n, err := p.f.Read(b)
		if !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		time.Sleep(time.Millisecond)
	}
}

func (p patient) Write(b []byte) (int, error) {
	for n := 0; ; time.Sleep(time.Millisecond) {
		k, err := p.f.Write(b[n:])
		if n += k; !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
	}
}
