package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// maxPayload is the most that one frame carries.
const maxPayload = 65536

// header has the fields of all frames, both ways; absent is zero.
type header struct {
	Type string `json:"type"`
	Call uint32 `json:"call,omitempty"`
	ID   uint32 `json:"id,omitempty"`

	ABI          int      `json:"abi,omitempty"`
	Platform     string   `json:"platform,omitempty"`
	Upload       string   `json:"upload,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`

	Verb    string          `json:"verb,omitempty"`
	Request json.RawMessage `json:"request,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	Stream  int             `json:"stream,omitempty"`
	EOF     bool            `json:"eof,omitempty"`
	Kind    string          `json:"kind,omitempty"`
	Text    string          `json:"text,omitempty"`
	Hint    string          `json:"hint,omitempty"`

	Method   string      `json:"method,omitempty"`
	URL      string      `json:"url,omitempty"`
	Header   [][2]string `json:"header,omitempty"`
	Redirect string      `json:"redirect,omitempty"`
	Status   int         `json:"status,omitempty"`
	Max      int         `json:"max,omitempty"`
	Pass     int         `json:"pass,omitempty"`
	Body     *struct {
		Kind string `json:"kind"`
		Len  int64  `json:"len"`
	} `json:"body,omitempty"`

	Name    string  `json:"name,omitempty"`
	Size    int64   `json:"size,omitempty"`
	Entries []entry `json:"entries,omitempty"`
	Off     int64   `json:"off,omitempty"`

	Registry string `json:"registry,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`

	MS int64 `json:"ms,omitempty"`
}

type entry struct {
	Name string `json:"name"`
	Dir  bool   `json:"dir,omitempty"`
	Size int64  `json:"size,omitempty"`
}

// frame is a header and the bytes after it.
type frame struct {
	header
	payload []byte
}

func (f frame) encode() ([]byte, error) {
	h, err := json.Marshal(f.header)
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(h)))
	return append(append(b, h...), f.payload...), nil
}

func decode(b []byte) (frame, error) {
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return frame{}, errors.New("the module sent a frame that is cut off")
	}
	n := 4 + int(binary.LittleEndian.Uint32(b))
	f := frame{payload: b[n:]}
	return f, json.Unmarshal(b[4:n], &f.header)
}

// engine has stevedore.wasm compiled, once for all instances.
type engine struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

func compile(ctx context.Context, file string, o options) (*engine, error) {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	conf := wazero.NewRuntimeConfig().WithMemoryLimitPages(4096) // 256 MiB
	if o.cache != "" {
		c, err := wazero.NewCompilationCacheWithDir(o.cache)
		if err != nil {
			return nil, err
		}
		conf = conf.WithCompilationCache(c)
	}
	e := &engine{runtime: wazero.NewRuntimeWithConfig(ctx, conf)}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
		return nil, err
	}
	e.compiled, err = e.runtime.CompileModule(ctx, wasm)
	return e, err
}

// module is one instance of stevedore.wasm.
type module struct {
	inst           api.Module
	alloc, push    api.Function
	stepFn, pullFn api.Function
	ctx            context.Context
}

func (e *engine) instantiate(ctx context.Context, o options) (*module, error) {
	dirs := wazero.NewFSConfig()
	for _, d := range o.dirs {
		dirs = dirs.WithDirMount(d[1], d[0])
	}
	inst, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").
		WithSysWalltime().WithSysNanotime().WithSysNanosleep().WithRandSource(rand.Reader).WithStderr(os.Stderr).WithFSConfig(dirs))
	if err != nil {
		return nil, err
	}
	m := &module{inst: inst, ctx: ctx}
	abi, err := m.u32(m.inst.ExportedFunction("stevedore_abi"))
	if err != nil {
		return nil, err
	}
	if abi != 1 {
		return nil, fmt.Errorf("this module speaks version %d of the contract; this host knows 1", abi)
	}
	m.alloc, m.push = m.inst.ExportedFunction("alloc"), m.inst.ExportedFunction("push")
	m.stepFn, m.pullFn = m.inst.ExportedFunction("step"), m.inst.ExportedFunction("pull")
	return m, nil
}

// u32 calls an export that gives an i32.
func (m *module) u32(f api.Function, args ...uint64) (uint32, error) {
	r, err := f.Call(m.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("the module died: %w", err)
	}
	return api.DecodeU32(r[0]), nil
}

func (m *module) step() (uint32, error) { return m.u32(m.stepFn) }

// send gives the module a frame.
func (m *module) send(f frame) error {
	b, err := f.encode()
	if err != nil {
		return err
	}
	p, err := m.u32(m.alloc, uint64(len(b)))
	if err != nil {
		return err
	}
	if p == 0 && f.ID != 0 && f.Type != "fault" {
		return m.send(frame{header: header{Type: "fault", ID: f.ID, Kind: "unsupported", Text: f.Type + " is too large for a frame"}})
	}
	if p == 0 || !m.inst.Memory().Write(p, b) {
		return fmt.Errorf("the module has no room for a frame of %d bytes", len(b))
	}
	if _, err := m.push.Call(m.ctx, uint64(p), uint64(len(b))); err != nil {
		return fmt.Errorf("the module died: %w", err)
	}
	return nil
}

// pull takes the module's next frame; false when there is none.
func (m *module) pull() (frame, bool, error) {
	r, err := m.pullFn.Call(m.ctx)
	if err != nil {
		return frame{}, false, fmt.Errorf("the module died: %w", err)
	}
	if r[0] == 0 {
		return frame{}, false, nil
	}
	b, ok := m.inst.Memory().Read(uint32(r[0]>>32), uint32(r[0]))
	if !ok {
		return frame{}, false, errors.New("the module sent a frame outside its memory")
	}
	f, err := decode(append([]byte(nil), b...))
	return f, err == nil, err
}
