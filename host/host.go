// Package host runs the Stevedore reactor (stevedore.wasm) inside a Go program with wazero: no cgo, no sockets, no files
// but what the caller gives. A program that would rather link the library imports core and transport instead.
package host

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/host/peer"
)

// Options is what the reactor may reach. The zero value runs verbs that need nothing.
type Options struct {
	// Fetcher sends the reactor's HTTP requests; nil refuses them.
	Fetcher fetchshim.Fetcher
	// Allow is asked before each request; an error refuses it. Redirects are followed by the Fetcher, whose own policy
	// decides about them (nethttp.Options.Allow).
	Allow func(method, url string) error
	// Credential is asked for the user of a registry; nil, or zero fields, means anonymous.
	Credential func(ctx context.Context, registry string) (Credential, error)
	// Dirs makes directories of the machine readable at paths of the guest: {"/images": "/srv/images"}. Symbolic links in
	// them are followed as long as they stay in the directory.
	Dirs map[string]string
	// WriteDirs are directories like those of Dirs in which the reactor may write as well. It keeps to each by itself; a module
	// that is not to be trusted could follow a symbolic link out of one, so give it none that others put links into.
	WriteDirs map[string]string
	// WorkDir is the path of the guest that relative names start from; "" means the first of both by name.
	WorkDir string
	// Inputs are files by the name that a request uses for them, for content that is in no directory. They come before Dirs.
	Inputs map[string]Input
	// Platform is the default platform, os/arch[/variant]; "" means linux/amd64.
	Platform string
	// PlainHTTP are the registries (host[:port]) reached without TLS, besides those on the loopback.
	PlainHTTP []string
	// CacheDir keeps the compiled module between runs of the program; "" keeps it in memory only. It holds native code, so
	// nobody else may be able to write there. One that cannot be used is as good as none.
	CacheDir string
	// MemoryLimit bounds the memory of one call in bytes; 0 means 512 MiB, and 4 GiB is all that a module can have. A call that
	// needs more ends with kind internal.
	MemoryLimit int64
	// HardKill stops a cancelled call even in the middle of a step, should the module loop. It costs speed: every loop of
	// the module is checked.
	HardKill bool
}

// Credential is what a user has for one registry.
type Credential = peer.Credential

// Input is an open file that allows concurrent reads, as *bytes.Reader and *io.SectionReader do.
type Input = peer.Input

func (o Options) peer() peer.Options {
	return peer.Options{Fetcher: o.Fetcher, Allow: o.Allow, Credential: o.Credential, Inputs: o.Inputs}
}

// Error is the error of a verb, with the kind and hint that the command line would show.
type Error struct {
	Kind    string
	Message string
	Hint    string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Host is a compiled reactor. It is safe for concurrent use; each call gets an instance of its own.
type Host struct {
	o       Options
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache
	closed  context.Context
	calls   sync.RWMutex // read by each call while it runs
	shut    context.CancelFunc
}

// A module's memory in pages of so many bytes (https://www.w3.org/TR/wasm-core-1/#memory-instances), and how many it can have.
const (
	pageSize = 64 << 10
	maxPages = 1 << 16
)

// New compiles the reactor. The caller closes the Host.
func New(ctx context.Context, wasm []byte, o Options) (*Host, error) {
	h, err := compile(ctx, wasm, o)
	if err != nil && o.CacheDir != "" {
		// The cache only saves time: a broken file in it, or a full disk, is no reason to fail.
		o.CacheDir = ""
		h, err = compile(ctx, wasm, o)
	}
	return h, err
}

func compile(ctx context.Context, wasm []byte, o Options) (*Host, error) {
	limit := o.MemoryLimit
	switch {
	case limit < 0:
		return nil, fmt.Errorf("the memory limit %d is negative", limit)
	case limit == 0:
		limit = 512 << 20
	}
	h := &Host{o: o}
	h.closed, h.shut = context.WithCancel(context.Background())
	conf := wazero.NewRuntimeConfig().WithMemoryLimitPages(uint32(min(limit/pageSize, maxPages))).WithCloseOnContextDone(o.HardKill)
	if o.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(o.CacheDir)
		if err != nil {
			return nil, err
		}
		h.cache = cache
		conf = conf.WithCompilationCache(cache)
	}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, conf)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, h.runtime); err != nil {
		return nil, errors.Join(err, h.Close(ctx))
	}
	module, err := h.runtime.CompileModule(ctx, wasm)
	if err == nil {
		err = checkModule(module)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("stevedore.wasm: %w", err), h.Close(ctx))
	}
	h.module = module
	return h, nil
}

// Close ends the calls that still run, at their next step, and frees the compiled module when they have ended, or when ctx ends
// before that: a module that loops for ever is stopped by nothing else. It is not for a sink to call.
func (h *Host) Close(ctx context.Context) error {
	h.shut()
	idle := make(chan struct{})
	go func() {
		h.calls.Lock() // no call is between its start and its end
		defer h.calls.Unlock()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	err := h.runtime.Close(ctx)
	if h.cache != nil {
		err = errors.Join(err, h.cache.Close(ctx))
	}
	return err
}

// Call runs one verb with a JSON request and returns its JSON result (nil for a list verb). Errors of the verb are
// [*Error]. When ctx ends, the verb is told to stop and gets a second to do so; the error then is of kind cancelled.
func (h *Host) Call(ctx context.Context, verb string, request []byte, sinks Sinks) (json.RawMessage, error) {
	h.calls.RLock()
	defer h.calls.RUnlock()
	if h.closed.Err() != nil {
		return nil, &Error{Kind: "internal", Message: errClosed.Error()}
	}
	run, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	if h.o.HardKill {
		defer context.AfterFunc(ctx, func() {
			t := time.AfterFunc(graceTime, kill)
			context.AfterFunc(run, func() { t.Stop() })
		})()
	}
	dirs, err := openDirs(h.o)
	if err != nil {
		return nil, err
	}
	defer dirs.close()
	var crash crash
	mod, err := h.runtime.InstantiateModule(run, h.module, h.config(dirs).WithStderr(&crash))
	switch {
	case ctx.Err() != nil:
		return nil, cancelled(ctx)
	case err != nil:
		return nil, &Error{Kind: "internal", Message: "the reactor does not start: " + crash.explain(err)}
	}
	defer mod.Close(context.WithoutCancel(ctx))
	in := newInstance(run, mod)
	c := newCall(ctx, h, in, sinks)
	c.crash = &crash
	defer c.end()
	out, err := c.run(verb, request)
	if sinks.Stats != nil {
		in.stats.Memory = int64(mod.Memory().Size())
		sinks.Stats(in.stats)
	}
	return out, err
}

// config gives an instance real clocks, real randomness and the directories; nothing else of the machine.
func (h *Host) config(dirs dirs) wazero.ModuleConfig {
	conf := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithFSConfig(dirs.mounts()).
		WithSysWalltime().WithSysNanotime().WithSysNanosleep().WithRandSource(rand.Reader)
	if h.o.WorkDir != "" {
		conf = conf.WithEnv("PWD", h.o.WorkDir)
	}
	return conf
}

func cancelled(ctx context.Context) error {
	return &Error{Kind: "cancelled", Message: context.Cause(ctx).Error()}
}

// Get is Call with a typed request and result.
func Get[Out any](ctx context.Context, h *Host, verb string, request any) (Out, error) {
	var out Out
	in, err := json.Marshal(request)
	if err != nil {
		return out, err
	}
	raw, err := h.Call(ctx, verb, in, Sinks{})
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(raw, &out)
}
