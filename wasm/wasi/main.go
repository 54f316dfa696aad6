//go:build wasip1

// Command wasi is the reactor: the verbs behind five exports, for any host that runs WASI preview 1 (docs/ABI.md). Build it
// with -buildmode=c-shared.
package main

import (
	"os"
	"runtime"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/wasm/guest"
	"github.com/stevedore-oci/stevedore/wasm/wasi/reactor"
)

func init() {
	o := guest.Options{Verbs: core.Verbs(), Writes: guest.Writes, Files: osfs.Host{}, Yield: runtime.Gosched}
	// The working directory is one that the runtime opened, where it opened any.
	if _, err := os.Stat("."); err == nil {
		o.Writable = osfs.Host{}
	}
	reactor.Serve(guest.New(o))
}

func main() {}
