package tests

import (
	"crypto/rand"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// States that step returns (docs/ABI.md).
const (
	idle      = 0
	withFrame = 1
	done      = 2
	busy      = 3
)

// modules instantiates one compiled module as often as a test likes.
type modules struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
}

// compile takes the path of a reactor. limit is the most memory of an instance in MiB.
func compile(t *testing.T, path string, limit uint32) *modules {
	t.Helper()
	wasm, err := os.ReadFile(path)
	require.NoError(t, err)
	m := &modules{runtime: wazero.NewRuntimeWithConfig(t.Context(), runtimeConfig(t).WithMemoryLimitPages(limit<<4))}
	t.Cleanup(func() { require.NoError(t, m.runtime.Close(t.Context())) })
	wasi_snapshot_preview1.MustInstantiate(t.Context(), m.runtime)
	m.module, err = m.runtime.CompileModule(t.Context(), wasm)
	require.NoError(t, err)
	return m
}

// instance is a reactor without any host around it: tests push and pull what they like.
type instance struct {
	t       *testing.T
	mod     api.Module
	longest time.Duration   // step
	open    map[uint32]bool // ids that the module waits for
	outputs map[uint32]int  // streams that wait for ready, per call
}

// start makes an instance whose clock stands still if frozen is set.
func (m *modules) start(t *testing.T, frozen bool, files wazero.FSConfig) *instance {
	t.Helper()
	conf := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithRandSource(rand.Reader).WithStderr(os.Stderr)
	if frozen {
		conf = conf.WithWalltime(func() (int64, int32) { return 1700000000, 0 }, 1).WithNanotime(func() int64 { return 1 }, 1)
	} else {
		conf = conf.WithSysWalltime().WithSysNanotime()
	}
	if files != nil {
		conf = conf.WithFSConfig(files)
	}
	mod, err := m.runtime.InstantiateModule(t.Context(), m.module, conf)
	require.NoError(t, err)
	t.Cleanup(func() { _ = mod.Close(t.Context()) })
	return &instance{t: t, mod: mod, open: map[uint32]bool{}, outputs: map[uint32]int{}}
}

// export calls one; a trap fails the test.
func (in *instance) export(name string, args ...uint64) uint64 {
	in.t.Helper()
	r, err := in.mod.ExportedFunction(name).Call(in.t.Context(), args...)
	require.NoError(in.t, err, name)
	if len(r) == 0 {
		return 0
	}
	return r[0]
}

func (in *instance) pushBytes(b []byte) {
	in.t.Helper()
	p := in.export("alloc", uint64(len(b)))
	require.NotZero(in.t, p)
	require.True(in.t, in.mod.Memory().Write(uint32(p), b))
	in.export("push", p, uint64(len(b)))
}

func (in *instance) push(h frame.Header, payload ...byte) {
	in.t.Helper()
	b, err := frame.Encode(&h, payload)
	require.NoError(in.t, err)
	in.pushBytes(b)
	switch {
	case h.Type == frame.Ready && h.Call != 0:
		in.outputs[h.Call]--
	case h.Type == frame.Fired, h.Type == frame.Credential, h.Type == frame.Fault, h.Type == frame.Body && h.EOF:
		delete(in.open, h.ID)
	}
}

// note follows what the module waits for.
func (in *instance) note(h *frame.Header) {
	switch h.Type {
	case frame.Fetch, frame.Open, frame.Timer, frame.Credential:
		in.open[h.ID] = true
	case frame.Close:
		delete(in.open, h.ID)
	case frame.Output:
		if !h.EOF {
			in.outputs[h.Call]++
		}
	case frame.Result, frame.Error:
		delete(in.outputs, h.Call)
	}
}

// call greets with all that a host can do and starts a verb.
func (in *instance) call(number uint32, verb string, request any) {
	in.t.Helper()
	in.push(frame.Header{Type: frame.Hello, ABI: frame.ABI, Upload: "stream", Capabilities: []string{"files", "credentials"}})
	in.push(frame.Header{Type: frame.Call, Call: number, Verb: verb, Request: encode(in.t, request)})
}

func (in *instance) step() int {
	in.t.Helper()
	start := time.Now()
	state := in.export("step")
	in.longest = max(in.longest, time.Since(start))
	if state == idle && len(in.open) == 0 && len(in.outputs) == 0 {
		require.Fail(in.t, "the module waits for a host that it has asked for nothing")
	}
	return int(state)
}

// received is a frame of the module.
type received struct {
	*frame.Header
	payload []byte
}

func (in *instance) pull() (received, bool) {
	in.t.Helper()
	r := in.export("pull")
	if r == 0 {
		return received{}, false
	}
	view, ok := in.mod.Memory().Read(uint32(r>>32), uint32(r))
	require.True(in.t, ok)
	h, payload, err := frame.Decode(append([]byte(nil), view...))
	require.NoError(in.t, err)
	in.note(h)
	return received{h, payload}, true
}

func (in *instance) pullAll() (list []received) {
	in.t.Helper()
	for f, ok := in.pull(); ok; f, ok = in.pull() {
		list = append(list, f)
	}
	return list
}

// next steps until frames come or nothing can run.
func (in *instance) next() []received {
	in.t.Helper()
	for {
		switch state := in.step(); state {
		case withFrame:
			list := in.pullAll()
			require.NotEmpty(in.t, list, "step said that there is a frame")
			return list
		case busy:
		default:
			return nil
		}
	}
}

// until gives the first frame of a type; others are dropped.
func (in *instance) until(typ frame.Type) received {
	in.t.Helper()
	for list := in.next(); len(list) > 0; list = in.next() {
		for _, f := range list {
			if f.Type == typ {
				return f
			}
		}
	}
	require.Fail(in.t, "the module waits", "for %s no frame came", typ)
	return received{}
}

// build makes a WASI reactor of a package of this module.
func build(t *testing.T, out, pkg string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	log, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", log)
}
