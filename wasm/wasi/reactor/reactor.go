//go:build wasip1

// Package reactor is the five exports of a module that a host steps (docs/ABI.md). What the module does is a [Guest].
package reactor

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
	"unsafe"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// States that step returns.
const (
	stateIdle  = 0 // nothing runnable, waits for the host
	stateFrame = 1 // a frame is ready
	stateDone  = 2 // no call is open
	stateBusy  = 3 // runnable work remains
)

// A step ends after stepTime; where the host freezes the clock while code runs, as some do against timing attacks, after
// frozenYields, each of which stands for 64 KiB of content at most.
const (
	stepTime     = 15 * time.Millisecond
	frozenYields = 16
)

// Guest is what the exports hand frames to and take frames from; guest.Guest is the real one.
type Guest interface {
	// Push takes a frame and keeps it.
	Push(frame []byte)
	// Pull gives the next frame, nil when there is none; Waiting says whether there is one.
	Pull() []byte
	Waiting() bool
	// Flush makes frames of what waits for more.
	Flush()
	// Idle says whether no call is open.
	Idle() bool
	// Complain answers a mistake of the host.
	Complain(text string)
}

// The reactor is one per instance, since exports are functions.
var (
	g       Guest
	given   = map[uint32][]byte{} // buffers the host has and has not pushed back
	lent    uint64                // bytes of those
	pulled  []byte                // the frame the host copies now
	sampled = []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
)

// Serve sets the Guest; main's init calls it once.
func Serve(guest Guest) {
	g = guest
	// Memory of a wasm instance never shrinks, so it is kept from growing.
	debug.SetGCPercent(50)
}

//go:wasmexport stevedore_abi
func abi() int32 { return frame.ABI }

// maxLent is how many bytes of buffers a host may hold, where it needs one buffer at a time; perBuffer is what one costs
// besides its bytes.
const (
	maxLent   = 4 * frame.MaxHostFrame
	perBuffer = 64
)

//go:wasmexport alloc
func alloc(n uint32) uint32 {
	size := uint64(n) + perBuffer
	if n > frame.MaxHostFrame || lent+size > maxLent {
		return 0
	}
	lent += size
	b := make([]byte, n, max(n, 1))
	p := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	given[p] = b
	return p
}

//go:wasmexport push
func push(p, n uint32) {
	b, ok := given[p]
	if !ok || n > uint32(len(b)) {
		g.Complain("push of a buffer that alloc did not give")
		return
	}
	delete(given, p)
	lent -= uint64(len(b)) + perBuffer
	g.Push(b[:n])
}

//go:wasmexport step
func step() int32 {
	start := time.Now()
	for yields := 0; !g.Waiting(); yields++ {
		runtime.Gosched()
		if g.Waiting() {
			break
		}
		idle := runnable() == 0
		spent := time.Since(start)
		if !idle && spent < stepTime && (spent > 0 || yields < frozenYields) {
			continue
		}
		g.Flush()
		switch {
		case g.Waiting():
		case !idle:
			return stateBusy
		case g.Idle():
			return stateDone
		default:
			return stateIdle
		}
	}
	return stateFrame
}

// runnable is how many goroutines could run besides this one. Answers that are awaited play no part: a goroutine behind
// a pipe may have work all the same.
func runnable() uint64 {
	metrics.Read(sampled)
	return sampled[0].Value.Uint64()
}

//go:wasmexport pull
func pull() uint64 {
	pulled = g.Pull()
	if pulled == nil {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(pulled))))<<32 | uint64(len(pulled))
}
