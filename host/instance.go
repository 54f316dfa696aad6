package host

import (
	"context"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// instance is the five exports of one module. It is used by one goroutine.
type instance struct {
	ctx                           context.Context
	mod                           api.Module
	abi, alloc, push, step, pulls api.Function
	stats                         Stats
}

func newInstance(ctx context.Context, mod api.Module) *instance {
	f := mod.ExportedFunction
	return &instance{ctx: ctx, mod: mod, abi: f("stevedore_abi"), alloc: f("alloc"), push: f("push"), step: f("step"), pulls: f("pull")}
}

// check says whether the module is a reactor of this contract.
func (in *instance) check() error {
	r, err := in.abi.Call(in.ctx)
	if err != nil {
		return err
	}
	if r[0] != frame.ABI {
		return fmt.Errorf("the reactor speaks version %d of the contract, this host version %d", r[0], frame.ABI)
	}
	return nil
}

// send hands one frame to the guest. An answer that is too large for it, as the head of a response may be, becomes a fault.
func (in *instance) send(h *frame.Header, payload []byte) error {
	b, err := frame.EncodeHost(h, payload)
	if err != nil && h.ID != 0 {
		fault := &frame.Header{Type: frame.Fault, ID: h.ID, Kind: "unsupported", Text: fmt.Sprintf("%s: %v", h.Type, err)}
		b, err = frame.EncodeHost(fault, nil)
	}
	if err != nil {
		return err
	}
	r, err := in.alloc.Call(in.ctx, uint64(len(b)))
	if err != nil {
		return err
	}
	if r[0] == 0 || !in.mod.Memory().Write(uint32(r[0]), b) {
		return fmt.Errorf("alloc did not give %d bytes", len(b))
	}
	_, err = in.push.Call(in.ctx, r[0], uint64(len(b)))
	return err
}

// stepOnce lets the guest work and returns its state.
func (in *instance) stepOnce() (uint64, error) {
	start := time.Now()
	r, err := in.step.Call(in.ctx)
	in.stats.Steps++
	in.stats.Longest = max(in.stats.Longest, time.Since(start))
	if err != nil {
		return 0, err
	}
	return r[0], nil
}

// pull takes one frame; nil when there is none.
func (in *instance) pull() (*frame.Header, []byte, error) {
	r, err := in.pulls.Call(in.ctx)
	if err != nil || r[0] == 0 {
		return nil, nil, err
	}
	view, ok := in.mod.Memory().Read(uint32(r[0]>>32), uint32(r[0]))
	if !ok || len(view) > frame.MaxFrame {
		return nil, nil, fmt.Errorf("pull gave a frame that is outside the memory or larger than one may be")
	}
	return frame.Decode(append([]byte(nil), view...)) // the guest may reuse its memory at the next export
}
