//go:build js

package module

import (
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// rest is how long nobody has called anything when what earlier calls left behind is collected, so that the next one need not.
	rest = 200 * time.Millisecond
	// spare is how many bytes of garbage may gather in any case: a small image is read without collecting any.
	spare = 8 << 20
	// least is the percentage of what is in use that may gather besides. Memory of a wasm instance never shrinks, so it is kept from growing.
	least = 50
)

// pace sets when garbage is collected, after each collection for the next one.
func pace() {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	debug.SetGCPercent(int(min(max(least, 100*spare/s.HeapAlloc), 4*least)))
	runtime.SetFinalizer(&[1]*int{}, func(*[1]*int) { pace() })
}
