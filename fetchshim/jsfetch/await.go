//go:build js

package jsfetch

import (
	"context"
	"fmt"
	"syscall/js"
)

// settled is what a promise came to.
type settled struct {
	value js.Value
	err   error
}

// await waits for a promise, or for ctx. The two functions it makes are released when the promise settles, whether anyone
// still waits or not; releasing them earlier would make JavaScript call a function that is gone.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	done := make(chan settled, 1)
	var kept, broke js.Func
	settle := func(s settled) any {
		kept.Release()
		broke.Release()
		done <- s
		return nil
	}
	kept = js.FuncOf(func(_ js.Value, args []js.Value) any { return settle(settled{value: args[0]}) })
	broke = js.FuncOf(func(_ js.Value, args []js.Value) any { return settle(settled{err: thrown{args[0]}}) })
	promise.Call("then", kept, broke)
	select {
	case s := <-done:
		return s.value, s.err
	case <-ctx.Done():
		return js.Undefined(), context.Cause(ctx)
	}
}

// try calls f and returns what JavaScript throws in it.
func try(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case js.Error:
			err = thrown{r.Value}
		default:
			panic(fmt.Sprint(r))
		}
	}()
	f()
	return nil
}

// forget keeps the rejection of a promise nobody waits for from ending the process, as Node would.
func forget(promise js.Value) {
	list := js.Global().Get("Array").Call("of", promise)
	js.Global().Get("Promise").Call("allSettled", list)
}
