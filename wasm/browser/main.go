//go:build js

// Command browser is the verbs for JavaScript that runs in the same thread: a Worker of a page (wasm/js/worker.js). It sets
// globalThis.stevedore to
//
//	{release, verbs, call(verb, request, host)}
//
// where request is JSON text, and host is an object with what the call may use and where its outcome goes: see [host].
package main

import (
	"runtime/debug"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/core"
)

func main() {
	// Memory of a wasm instance never shrinks, so it is kept from growing.
	debug.SetGCPercent(50)
	verbs := js.Global().Get("Array").New()
	for _, v := range core.Verbs() {
		verbs.Call("push", v.Name)
	}
	m := &module{}
	api := js.Global().Get("Object").New()
	api.Set("release", core.Release)
	api.Set("verbs", verbs)
	api.Set("call", js.FuncOf(func(_ js.Value, args []js.Value) any {
		m.start(args[0].String(), args[1].String(), host{args[2]})
		return nil
	}))
	js.Global().Set("stevedore", api)
	select {}
}
