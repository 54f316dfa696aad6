//go:build wasip1

// Command read is the reactor with the verbs that only read: the same contract and the same answers in a smaller module, for an
// edge function or a program that asks about images and moves none. Build it with -buildmode=c-shared.
package main

import (
	"runtime"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/wasm/guest"
	"github.com/stevedore-oci/stevedore/wasm/wasi/reactor"
)

func init() {
	reactor.Serve(guest.New(guest.Options{Verbs: core.ReadVerbs(), Files: osfs.Host{}, Yield: runtime.Gosched}))
}

func main() {}
