package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/stevedore-oci/stevedore/host"
)

var startGroup = group{
	name:  "start",
	title: "From nothing to the first answer",
	intro: "`version`, the verb that needs nothing: what a program pays before any work. In wazero the compiled module comes from a cache on the disk, as it does from the " +
		"second start of a program on. The last row starts workerd with the example of examples/edge and asks it once.",
	limits: "wazero maps and relocates machine code of some 30 MB; Node and workerd compile 7 MB of WebAssembly in their baseline compiler each time.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		tables := []table{{title: "start-up", contenders: []contender{
			{name: "native", run: process(e.temp, e.bin("stevedore"), "version")},
			{name: "reactor, wazero, warm cache", run: e.warm},
			{name: "reactor, wazero, one more call", run: nil},
			{name: "reactor, Node", run: process(e.root, "node", "tests/jsrun/run.mjs", "bin/stevedore.wasm", "version", "{}")},
			{name: "edge function, workerd", run: process(e.root, "node", "tests/bench/workerd.mjs", "tests/js/node_modules/.bin/workerd", "examples/edge/workerd.capnp")},
		}}}
		again, err := e.wazero(ctx, "version", []byte("{}"))
		if err != nil {
			return nil, err
		}
		tables[0].contenders[2].run = again
		return tables, e.measure(ctx, tables)
	},
}

// warm makes a host as a program does that has a cache on the disk, and calls it once.
func (e *env) warm(ctx context.Context) (sample, error) {
	wasm, err := os.ReadFile(e.bin("stevedore.wasm"))
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	h, err := host.New(ctx, wasm, host.Options{CacheDir: filepath.Join(e.temp, "wazero")})
	if err != nil {
		return sample{}, err
	}
	defer h.Close(ctx)
	_, err = h.Call(ctx, "version", []byte("{}"), host.Sinks{})
	return sample{wall: time.Since(start)}, err
}
