// Package guest is the reactor without its exports: it takes frames, runs verbs and gives frames (docs/ABI.md). It has no
// build tag, so that its tests run natively; wasm/wasi adds the exports.
package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/transport"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Capabilities that a host may list in its hello.
const (
	// CapFiles: the host answers open and pread.
	CapFiles = "files"
	// CapCredentials: the host answers credential.
	CapCredentials = "credentials"
	// CapHidesHeaders: response headers may be missing because of CORS.
	CapHidesHeaders = "hides-headers"
)

// Options is what the module's main gives.
type Options struct {
	// Verbs are what the host may call.
	Verbs []core.Verb
	// Writes gives verbs what they need to write; nil for a module that only reads, and is smaller for it.
	Writes func(*transport.Mux, *core.Env)
	// Files is the file system of the runtime (WASI's preopened directories); nil for none.
	Files fsys.Host
	// Writable makes files in it; nil where nothing is written.
	Writable fsys.WritableHost
	// Yield lets other goroutines run; it is called at least once per 64 KiB of content.
	Yield func()
}

// Writes lets verbs write images wherever a Mux does.
func Writes(mux *transport.Mux, env *core.Env) {
	env.Origin, env.Sink, env.Leftovers = mux.Origin, mux.Create, mux.Leftovers
}

// Guest is one instance of the reactor. It is safe for concurrent use.
type Guest struct {
	o    Options
	link *polled.Link

	mu    sync.Mutex
	host  hostInfo
	calls map[uint32]*call
}

// hostInfo is what the host said in its hello.
type hostInfo struct {
	platform     v1.Platform
	upload       fetchshim.Upload
	capabilities []string
	plainHTTP    []string
}

func (h hostInfo) can(capability string) bool { return slices.Contains(h.capabilities, capability) }

// New starts an instance, whose first frame is hello.
func New(o Options) *Guest {
	g := &Guest{o: o, link: polled.NewLink(), calls: map[uint32]*call{}, host: hostInfo{upload: fetchshim.UploadBlob}}
	hello := &frame.Header{Type: frame.Hello, ABI: frame.ABI, Version: core.Release}
	for _, v := range o.Verbs {
		hello.Verbs = append(hello.Verbs, v.Name)
	}
	g.link.Send(hello, nil)
	return g
}

// Push takes one frame of the host. What is no frame, or no frame of a host, is answered by an error frame without a
// call; it never panics. The guest keeps b.
func (g *Guest) Push(b []byte) {
	h, payload, err := frame.DecodeHost(b)
	if err != nil {
		g.Complain(err.Error())
		return
	}
	switch h.Type {
	case frame.Hello:
		g.hello(h)
	case frame.Call:
		g.start(h)
	case frame.Cancel:
		if c := g.find(h.Call); c != nil {
			c.cancel()
		}
	case frame.Ready:
		if h.Call != 0 {
			if c := g.find(h.Call); c != nil {
				c.ready(h.Stream)
			}
			return
		}
		g.link.Deliver(h, payload)
	case frame.Response, frame.Fault, frame.Body, frame.Rewind, frame.Fired, frame.Opened, frame.Data, frame.Credential:
		g.link.Deliver(h, payload)
	default:
		g.Complain(fmt.Sprintf("%.64q is not a frame of the host", h.Type))
	}
}

// maxComplaints is how many frames may wait before complaints about the host's frames are left out; maxComplaint is the
// length of one in bytes.
const (
	maxComplaints = 64
	maxComplaint  = 512
)

// Complain queues an error frame that belongs to no call.
func (g *Guest) Complain(text string) {
	if g.link.Queued() > maxComplaints {
		return
	}
	g.link.Send(&frame.Header{Type: frame.Error, Kind: string(errs.Input), Text: text[:min(len(text), maxComplaint)]}, nil)
}

// Pull gives the next frame for the host, nil when there is none.
func (g *Guest) Pull() []byte { return g.link.Pull() }

// Waiting says whether there is a frame to pull.
func (g *Guest) Waiting() bool { return g.link.Queued() > 0 }

// Flush sends the items that wait for a frame to fill. A step calls it before it returns, so that no item waits for long.
func (g *Guest) Flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls {
		c.flush()
	}
}

// Idle says whether no call is open.
func (g *Guest) Idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.calls) == 0
}

func (g *Guest) hello(h *frame.Header) {
	if h.ABI != frame.ABI {
		g.Complain(fmt.Sprintf("the host speaks version %d of the contract, this module version %d", h.ABI, frame.ABI))
		return
	}
	info := hostInfo{capabilities: h.Capabilities, plainHTTP: h.PlainHTTP, upload: fetchshim.UploadBlob}
	switch u := fetchshim.Upload(h.Upload); u {
	case fetchshim.UploadStream, fetchshim.UploadSized, fetchshim.UploadBlob:
		info.upload = u
	}
	if h.Platform != "" {
		p, err := oci.ParsePlatform(h.Platform)
		if err != nil {
			g.Complain(err.Error())
			return
		}
		info.platform = p
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.host = info
}

func (g *Guest) find(id uint32) *call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls[id]
}

// maxCalls is how many calls may be open at once.
const maxCalls = 64

// start runs a verb. The number of a call that is still open is refused without touching that call.
func (g *Guest) start(h *frame.Header) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, taken := g.calls[h.Call]; taken || h.Call == 0 {
		g.Complain(fmt.Sprintf("the number %d is no free one for a call", h.Call))
		return
	}
	if len(g.calls) >= maxCalls {
		g.Complain(fmt.Sprintf("%d calls are open already", maxCalls))
		return
	}
	c := &call{g: g, id: h.Call, host: g.host, streams: map[uint32]chan struct{}{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	g.calls[h.Call] = c
	go c.run(h.Verb, h.Request)
}

// finish sends the last frame of a call and forgets it.
func (g *Guest) finish(c *call, result json.RawMessage, err error) {
	h := &frame.Header{Type: frame.Result, Call: c.id, Value: result}
	if err != nil {
		w := errs.WireOf(err)
		h = &frame.Header{Type: frame.Error, Call: c.id, Kind: string(w.Kind), Text: w.Message, Hint: w.Hint}
	}
	g.mu.Lock()
	delete(g.calls, c.id)
	g.mu.Unlock()
	g.link.Send(h, nil)
	c.cancel()
}
