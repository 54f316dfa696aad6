//go:build js

// Package promise waits for JavaScript: for promises, and for what throws.
package promise

import (
	"context"
	"fmt"
	"strings"
	"syscall/js"
)

// Thrown is a value that JavaScript threw or rejected a promise with.
type Thrown struct{ Value js.Value }

// Error is the message and that of the cause, which in Node is the one that says something.
func (t Thrown) Error() string {
	text := describe(t.Value)
	if t.Value.Type() == js.TypeObject {
		if cause := t.Value.Get("cause"); cause.Type() == js.TypeObject {
			text += ": " + describe(cause)
		}
	}
	return text
}

func describe(v js.Value) string {
	if v.Type() != js.TypeObject {
		return js.Global().Call("String", v).String()
	}
	var parts []string
	for _, name := range []string{"message", "code"} {
		if p := v.Get(name); p.Type() == js.TypeString && p.String() != "" {
			parts = append(parts, p.String())
		}
	}
	if len(parts) == 0 {
		return js.Global().Call("String", v).String()
	}
	return strings.Join(parts, " ")
}

// settled is what a promise came to.
type settled struct {
	value js.Value
	err   error
}

// Await waits for a promise, or for ctx, whose cause it then returns; a rejection is a [Thrown]. The two functions it makes
// are released when the promise settles, whether anyone still waits or not; releasing them earlier would make JavaScript
// call a function that is gone.
func Await(ctx context.Context, promise js.Value) (js.Value, error) {
	done := make(chan settled, 1)
	var kept, broke js.Func
	settle := func(s settled) any {
		kept.Release()
		broke.Release()
		done <- s
		return nil
	}
	kept = js.FuncOf(func(_ js.Value, args []js.Value) any { return settle(settled{value: args[0]}) })
	broke = js.FuncOf(func(_ js.Value, args []js.Value) any { return settle(settled{err: Thrown{args[0]}}) })
	promise.Call("then", kept, broke)
	select {
	case s := <-done:
		return s.value, s.err
	case <-ctx.Done():
		return js.Undefined(), context.Cause(ctx)
	}
}

// Try calls f and returns what JavaScript throws in it, as a [Thrown].
func Try(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case js.Error:
			err = Thrown{r.Value}
		default:
			panic(fmt.Sprint(r))
		}
	}()
	f()
	return nil
}

// Forget keeps the rejection of a promise nobody waits for from ending the process, as Node would.
func Forget(promise js.Value) {
	list := js.Global().Get("Array").Call("of", promise)
	js.Global().Get("Promise").Call("allSettled", list)
}
