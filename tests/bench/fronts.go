package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host"
)

var frontsGroup = group{
	name:  "fronts",
	title: "One verb on every front end",
	intro: "`files` of the same image of about 125 MB, from a registry on the loopback. The native binary and Node are whole processes; in wazero and in " +
		"Chromium the module is compiled already, as in a program or page that has asked once before.",
	limits: "WebAssembly has no assembly routines and no vector instructions here: SHA-256 and inflate take several times as long as natively, on one " +
		"thread. In Chromium and Node every byte also crosses from JavaScript into the module.",
	tables: func(ctx context.Context, e *env) ([]table, error) {
		dir, tag, err := e.layoutOf("debian-app", "amd64", 125)
		if err != nil {
			return nil, err
		}
		registry, err := e.registry(ctx, dir)
		if err != nil {
			return nil, err
		}
		ref := registry + "/app:" + tag
		request, err := json.Marshal(map[string]string{"ref": ref})
		if err != nil {
			return nil, err
		}
		inWazero, err := e.wazero(ctx, "files", request)
		if err != nil {
			return nil, err
		}
		inChromium, err := e.chromium(ctx, "files", request)
		if err != nil {
			return nil, err
		}
		tables := []table{{title: "every path of the image", contenders: []contender{
			{name: "native", run: process(e.temp, e.bin("stevedore"), "files", "--quiet", "--json", ref)},
			{name: "reactor, wazero", run: inWazero},
			{name: "reactor, Node", run: process(e.root, "node", "tests/jsrun/run.mjs", "bin/stevedore.wasm", "files", string(request))},
			{name: "js module, Chromium", run: inChromium},
		}}}
		return tables, e.measure(ctx, tables)
	},
}

// wazero runs calls in a compiled reactor of this process.
func (e *env) wazero(ctx context.Context, verb string, request []byte) (func(context.Context) (sample, error), error) {
	wasm, err := os.ReadFile(e.bin("stevedore.wasm"))
	if err != nil {
		return nil, err
	}
	h, err := host.New(ctx, wasm, host.Options{Fetcher: nethttp.New(nethttp.Options{})})
	if err != nil {
		return nil, err
	}
	e.closes = append(e.closes, func() { _ = h.Close(context.WithoutCancel(ctx)) })
	return func(ctx context.Context) (sample, error) {
		start := time.Now()
		var s sample
		_, err := h.Call(ctx, verb, request, host.Sinks{
			Item:  func([]byte) error { return nil },
			Stats: func(st host.Stats) { s.peak = st.Memory },
		})
		s.wall = time.Since(start)
		return s, err
	}, nil
}

// chromium keeps a page open that runs the verb each time a line arrives, and answers with the milliseconds it took.
func (e *env) chromium(ctx context.Context, verb string, request []byte) (func(context.Context) (sample, error), error) {
	bin, err := exec.LookPath("chromium")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(e.root, "tests/bench/chromium.mjs"), bin, e.bin("stevedore-js.wasm"), verb, string(request))
	return e.lines(cmd)
}
