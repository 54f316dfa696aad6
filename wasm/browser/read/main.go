//go:build js

// Command read is the module of a page with the verbs that only read: the same contract and the same answers in a smaller module,
// for a page that shows images and moves none.
package main

import (
	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/wasm/browser/module"
)

func main() { module.Serve(module.Options{Verbs: core.ReadVerbs()}) }
