//go:build wasip1

// Command wasi is the reactor: the verbs behind five exports, for any host that runs WASI preview 1 (docs/ABI.md). Build it
// with -buildmode=c-shared.
package main

import (
	"runtime"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/wasm/guest"
	"github.com/stevedore-oci/stevedore/wasm/wasi/reactor"
)

func init() {
	reactor.Serve(guest.New(guest.Options{
		Verbs: core.Verbs(), Writes: guest.Writes, Files: osfs.Host{}, Writable: osfs.Host{}, Yield: runtime.Gosched,
	}))
}

func main() {}
