//go:build js

// Package module makes verbs callable from the JavaScript of the same thread. Which verbs, is for the main that serves them.
package module

import (
	"runtime"
	"syscall/js"
	"time"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/transport"
)

// Options is what a main gives to its module.
type Options struct {
	Verbs []core.Verb
	// Writes gives verbs what they need to write; nil for a module that only reads, and is smaller for it.
	Writes func(*transport.Mux, *core.Env)
}

// Writes lets verbs write images wherever a Mux does.
func Writes(mux *transport.Mux, env *core.Env) {
	env.Origin, env.Sink = mux.Origin, mux.Create
}

// module is what all calls share.
type module struct {
	o      Options
	turned time.Time
	// running is how many calls have not ended, and resting collects garbage some time after the last one.
	running int
	resting *time.Timer
}

func newModule(o Options) *module {
	return &module{o: o, resting: time.AfterFunc(rest, runtime.GC)}
}

// Serve sets globalThis.stevedore to
//
//	{release, verbs, call(verb, request, host)}
//
// where request is JSON text, and host is an object with what the call may use and where its outcome goes: see [host]. What loads the
// module may add sha256(), which begins to hash in place of the module (wasm/js/sha256.js). It does not return.
func Serve(o Options) {
	pace()
	verbs := js.Global().Get("Array").New()
	for _, v := range o.Verbs {
		verbs.Call("push", v.Name)
	}
	m := newModule(o)
	api := js.Global().Get("Object").New()
	api.Set("release", core.Release)
	api.Set("verbs", verbs)
	api.Set("call", js.FuncOf(func(_ js.Value, args []js.Value) any {
		m.start(args[0].String(), args[1].String(), host{args[2]})
		return nil
	}))
	hashBy(api)
	js.Global().Set("stevedore", api)
	select {}
}
