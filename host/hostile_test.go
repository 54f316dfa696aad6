package host_test

import (
	"context"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/host"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// TestNotAReactor: what is no reactor is refused before any of it runs.
func TestNotAReactor(t *testing.T) {
	for name, c := range map[string]struct {
		wasm []byte
		says string
	}{
		"no WebAssembly":   {[]byte("#!/bin/sh"), "magic"},
		"nothing":          {nil, "stevedore.wasm"},
		"a foreign import": {module{imports: true}.wasm(), "it imports env.steal"},
		"no pull":          {module{without: "pull"}.wasm(), "it does not export pull"},
		"no _initialize":   {module{without: "_initialize"}.wasm(), "it does not export _initialize"},
		"no memory":        {module{without: "memory"}.wasm(), "its memory"},
		"other types":      {module{types: true}.wasm(), "its alloc takes or returns something else"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := host.New(t.Context(), c.wasm, host.Options{})
			require.ErrorContains(t, err, c.says)
		})
	}
}

// call runs a verb in a hand-made module. It must not panic, and it must end.
func call(ctx context.Context, t *testing.T, m module, o host.Options, sinks host.Sinks) (json.RawMessage, *host.Error) {
	t.Helper()
	h, err := host.New(t.Context(), m.wasm(), o)
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close(t.Context())) }()
	out, err := h.Call(ctx, "version", nil, sinks)
	if err == nil {
		return out, nil
	}
	var e *host.Error
	require.ErrorAs(t, err, &e)
	return out, e
}

// TestBrokenModules: whatever a module does wrong ends the call with kind internal and says what it was.
func TestBrokenModules(t *testing.T) {
	frames := func(f ...[]byte) module { return module{frames: f} }
	result := encode(frame.Header{Type: frame.Result, Call: 1, Value: json.RawMessage(`{"ok":true}`)}, "")
	out, e := call(t.Context(), t, frames(result), host.Options{}, host.Sinks{})
	require.Nil(t, e, "the module by itself is a good one")
	require.JSONEq(t, `{"ok":true}`, string(out))

	short := []byte{200, 0, 0, 0, '{', '}'}
	item := encode(frame.Header{Type: frame.Item, Call: 1}, strings.Repeat("x", frame.MaxPayload))
	for name, c := range map[string]struct {
		m    module
		says string
	}{
		"another version":          {module{abi: i32Const(99)}, "version 99"},
		"a trap in _initialize":    {module{initialize: unreachable}, "does not start"},
		"a trap in stevedore_abi":  {module{abi: unreachable}, "unreachable"},
		"a trap in alloc":          {module{alloc: unreachable}, "unreachable"},
		"a trap in push":           {module{push: unreachable}, "unreachable"},
		"a trap in step":           {module{step: unreachable}, "unreachable"},
		"a trap in pull":           {module{pull: unreachable}, "unreachable"},
		"no buffer":                {module{alloc: i32Const(0)}, "alloc did not give"},
		"a buffer beyond memory":   {module{alloc: i32Const(pages<<16 - 8)}, "alloc did not give"},
		"a negative buffer":        {module{alloc: i32Const(-8)}, "alloc did not give"},
		"a frame beyond memory":    {module{pull: i64Const(pages<<16<<32 | 8)}, "outside the memory"},
		"a frame of gigabytes":     {module{pull: i64Const(1<<32 | 0xffffffff)}, "outside the memory"},
		"no frame at all":          {frames([]byte("garbage garbage")), "header"},
		"three bytes":              {frames([]byte{1, 2, 3}), "header length"},
		"a header beyond its end":  {frames(short), "says its header has 200"},
		"a header of another type": {frames(append([]byte{2, 0, 0, 0}, "[]"...)), "frame header"},
		"the call is forgotten":    {module{step: i32Const(2)}, "forgot the call"},
		"an item without an end":   {frames(item), "has no end"},
		"an error of nobody":       {frames(encode(frame.Header{Type: frame.Error, Kind: "input", Text: "no such frame"}, "")), "no such frame"},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := call(t.Context(), t, c.m, host.Options{}, host.Sinks{Item: func([]byte) error { return nil }})
			require.NotNil(t, e)
			require.Contains(t, e.Message, c.says)
			if !strings.Contains(name, "of nobody") {
				require.Equal(t, "internal", e.Kind)
			}
		})
	}
}

// TestEndlessModules: a module that never comes to an end is left when the caller's context ends.
func TestEndlessModules(t *testing.T) {
	unknown := encode(frame.Header{Type: "of-a-later-version"}, "")
	fetches := encode(frame.Header{Type: frame.Fetch, ID: 1, Call: 1, URL: "https://registry.example/"}, "")
	timers := encode(frame.Header{Type: frame.Timer, ID: 1, Call: 1, MS: 1 << 40}, "")
	reads := encode(frame.Header{Type: frame.Read, ID: 1, Max: 1}, "")
	blocked := fetch(func(ctx context.Context, _ *fetchshim.Request) (*fetchshim.Response, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	for name, c := range map[string]struct {
		m    module
		hard bool
	}{
		"idle for ever":           {module{step: i32Const(0)}, false},
		"busy for ever":           {module{step: i32Const(3)}, false},
		"in an unknown state":     {module{step: i32Const(42)}, false},
		"frames for ever":         {module{frames: [][]byte{unknown}}, false},
		"one fetch for ever":      {module{frames: [][]byte{fetches}}, false},
		"one timer for ever":      {module{frames: [][]byte{timers}}, false},
		"reads for ever":          {module{frames: [][]byte{fetches, reads}}, false},
		"a step without an end":   {module{step: forever}, true},
		"a push without an end":   {module{push: forever}, true},
		"a start without an end":  {module{initialize: forever}, true},
		"a pull without an end":   {module{pull: forever}, true},
		"an alloc without an end": {module{alloc: forever}, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, context.Canceled)
			defer cancel()
			_, e := call(ctx, t, c.m, host.Options{HardKill: c.hard, Fetcher: blocked}, host.Sinks{})
			require.NotNil(t, e)
			require.Equal(t, "cancelled", e.Kind, e.Message)
			require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, 10*time.Millisecond, "nothing goes on")
		})
	}
}

// TestStrayFrames: frames about ids, calls and streams that are not there do no harm.
func TestStrayFrames(t *testing.T) {
	m := module{frames: [][]byte{
		encode(frame.Header{Type: frame.Hello, ABI: 1}, ""),
		encode(frame.Header{Type: frame.Hello, ABI: 77}, ""),
		encode(frame.Header{Type: frame.Read, ID: 9, Max: -5}, ""),
		encode(frame.Header{Type: frame.Pread, ID: 9, Off: -1, Max: 1 << 30}, ""),
		encode(frame.Header{Type: frame.Write, ID: 9}, "body of nothing"),
		encode(frame.Header{Type: frame.Close, ID: 9}, ""),
		encode(frame.Header{Type: frame.Fetch, ID: 0, URL: "\x00"}, ""),
		encode(frame.Header{Type: frame.Open, ID: 3, Name: "../../etc/passwd"}, ""),
		encode(frame.Header{Type: frame.Call, Call: 1}, "not for a guest"),
		encode(frame.Header{Type: frame.Event, Call: 8, Value: json.RawMessage(`7`)}, ""),
		encode(frame.Header{Type: frame.Item, Call: 8}, "\n\n"),
		encode(frame.Header{Type: frame.Output, Call: 8, Stream: 4, EOF: true}, ""),
		encode(frame.Header{Type: frame.Result, Call: 1, Value: json.RawMessage(`{}`)}, ""),
	}}
	out, e := call(t.Context(), t, m, host.Options{}, host.Sinks{
		Output: func(string) (io.WriteCloser, error) { return &closer{}, nil },
	})
	require.Nil(t, e)
	require.JSONEq(t, `{}`, string(out))
}
