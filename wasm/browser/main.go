//go:build js

// Command browser is the verbs for JavaScript that runs in the same thread: a Worker of a page (wasm/js/worker.js).
package main

import (
	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/wasm/browser/module"
)

func main() { module.Serve(module.Options{Verbs: core.Verbs(), Writes: module.Writes}) }
