//go:build js

package module

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// sink is a function of JavaScript's that records what it is given; each promise it returns is kept by a call of more.
type sink struct {
	js.Func
	given []string
	more  []js.Value
}

func newSink(t *testing.T, text func(args []js.Value) string) *sink {
	s := &sink{}
	s.Func = js.FuncOf(func(_ js.Value, args []js.Value) any {
		s.given = append(s.given, text(args))
		var kept js.Func
		kept = js.FuncOf(func(_ js.Value, args []js.Value) any {
			s.more = append(s.more, args[0])
			kept.Release()
			return nil
		})
		return js.Global().Get("Promise").New(kept)
	})
	t.Cleanup(s.Release)
	return s
}

func first(args []js.Value) string { return args[0].String() }

// until waits for what has to come.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, time.Millisecond)
}

// turn gives what must not come the time to come.
func turn() { time.Sleep(5 * time.Millisecond) }

func TestLinesWaitForThePage(t *testing.T) {
	s := newSink(t, first)
	l := newLines(t.Context(), s.Value)
	added, failed := 0, make(chan error, 1)
	line := strings.Repeat("x", 1023)
	go func() {
		for range 200 {
			if err := l.add([]byte(line)); err != nil {
				failed <- err
				return
			}
			added++
		}
		failed <- l.end()
	}()
	for taken := 0; ; taken++ {
		until(t, func() bool { return len(s.given) > taken || len(failed) > 0 })
		turn()
		if len(failed) > 0 {
			require.NoError(t, <-failed)
			break
		}
		require.Len(t, s.given, taken+1, "one batch is under way")
		require.LessOrEqual(t, added, (taken+2)*(piece/1024)+1, "and the verb waits with the next")
		s.more[taken].Invoke()
	}
	require.Equal(t, strings.Repeat(line+"\n", 200), strings.Join(s.given, ""))
}

func TestFirstLineGoesAtOnce(t *testing.T) {
	s := newSink(t, first)
	l := newLines(t.Context(), s.Value)
	require.NoError(t, l.add([]byte("1")))
	until(t, func() bool { return len(s.given) == 1 })
	require.NoError(t, l.add([]byte("2")))
	require.NoError(t, l.add([]byte("3")))
	s.more[0].Invoke()
	until(t, func() bool { return len(s.given) == 2 })
	require.Equal(t, []string{"1\n", "2\n3\n"}, s.given)
	s.more[1].Invoke()
	require.NoError(t, l.end())
}

func TestLinesEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newSink(t, first)
	l := newLines(ctx, s.Value)
	require.NoError(t, l.add([]byte("1")))
	until(t, func() bool { return len(s.given) == 1 })
	cancel()
	require.ErrorIs(t, l.end(), context.Canceled)
	require.ErrorIs(t, l.add([]byte("2")), context.Canceled)
}

func TestOutput(t *testing.T) {
	s := newSink(t, func(args []js.Value) string {
		b := make([]byte, args[1].Length())
		js.CopyBytesToGo(b, args[1])
		return args[0].String() + ":" + string(b)
	})
	o := &output{ctx: t.Context(), name: "f", sink: s.Value}
	closed := make(chan error, 1)
	go func() {
		_, err := o.Write([]byte(strings.Repeat("a", piece) + "bc"))
		require.NoError(t, err)
		closed <- o.Close()
	}()
	until(t, func() bool { return len(s.given) > 0 })
	turn()
	require.Equal(t, []string{"f:" + strings.Repeat("a", piece)}, s.given)
	s.more[0].Invoke()
	until(t, func() bool { return len(s.given) > 1 })
	turn()
	require.Equal(t, "f:bc", s.given[1])
	require.Empty(t, closed, "Close waits until everything has been taken")
	s.more[1].Invoke()
	require.NoError(t, <-closed)

	ctx, cancel := context.WithCancel(t.Context())
	o = &output{ctx: ctx, sink: s.Value}
	_, err := o.Write([]byte("x"))
	require.NoError(t, err)
	cancel()
	_, err = o.Write([]byte("y"))
	require.ErrorIs(t, err, context.Canceled)
}

// run makes one call with a host object made by JavaScript, and waits for its outcome.
func run(t *testing.T, verb, request, members string) js.Value {
	t.Helper()
	outcome := js.Global().Get("Function").New("begin", `return new Promise(ok => {
		const host = {platform: '', plainHttp: [], files: [], turn: () => new Promise(r => setTimeout(r)),
		event() {}, items: async () => {}, output: async () => {},
		result: text => ok({text}), error: (kind, text, hint) => ok({kind, text, hint}), `+members+`}
		begin(host)
	})`)
	m := newModule(Options{Verbs: core.Verbs()})
	begin := js.FuncOf(func(_ js.Value, args []js.Value) any {
		m.start(verb, request, host{args[0]})
		return nil
	})
	defer begin.Release()
	v, err := promise.Await(t.Context(), outcome.Invoke(begin))
	require.NoError(t, err)
	return v
}

func TestCalls(t *testing.T) {
	require.Contains(t, run(t, "version", "{}", "").Get("text").String(), `"verbs":["inspect"`)
	for _, c := range []struct{ verb, request, members, kind string }{
		{"nothing", "{}", "", "input"},
		{"inspect", "{", "", "input"},
		{"version", "{}", "platform: 'what'", "input"},
		{"digest", `{"file":"none"}`, "", "not_found"},
		{"digest", `{"file":"f"}`, "files: [['f', {size: 3, slice: () => ({arrayBuffer: async () => { throw new Error('gone') }})}]]", "internal"},
		{"digest", `{"ref":"r.test/a"}`, "fetch: async () => new Response('', {status: 404})", "not_found"},
		{"digest", `{"ref":"r.test/a"}`, "fetch: 3", "internal"}, // a panic ends the call and not the module
	} {
		got := run(t, c.verb, c.request, c.members)
		require.Equal(t, c.kind, text(got, "kind"), "%s %s: %s", c.verb, c.members, text(got, "text"))
	}
}

// TestCallsAreCancelled cancels a call that waits for JavaScript.
func TestCallsAreCancelled(t *testing.T) {
	got := run(t, "digest", `{"file":"f"}`, "files: [['f', {size: 3, slice: () => ({arrayBuffer() { setTimeout(() => host.cancel()); return new Promise(() => {}) }})}]]")
	require.Equal(t, "cancelled", text(got, "kind"), text(got, "text"))
}

// object makes one of JavaScript with methods of Go.
func object(t *testing.T, methods map[string]func(args []js.Value) any) js.Value {
	o := js.Global().Get("Object").New()
	for name, m := range methods {
		f := js.FuncOf(func(_ js.Value, args []js.Value) any { return m(args) })
		t.Cleanup(f.Release)
		o.Set(name, f)
	}
	return o
}

func TestHostHashes(t *testing.T) {
	buffer := js.Global().Get("Uint8Array").New(10)
	hashes := 0
	start := func([]js.Value) any {
		hashes++
		of := sha256.New()
		h := object(t, map[string]func([]js.Value) any{
			"update": func(args []js.Value) any {
				b := make([]byte, args[0].Int())
				js.CopyBytesToGo(b, buffer)
				of.Write(b)
				return nil
			},
			"sum": func([]js.Value) any {
				sum := js.Global().Get("Uint8Array").New(sha256.Size)
				js.CopyBytesToJS(sum, of.Sum(nil))
				return sum
			},
		})
		h.Set("buffer", buffer)
		return h
	}
	api := js.Global().Get("Object").New()
	hashBy(api)
	t.Cleanup(func() { crypto.RegisterHash(crypto.SHA256, sha256.New) })
	content := []byte("some content that is longer than the buffer")
	want := sha256.Sum256(content)
	for _, used := range []int{0, 2} { // the host has none yet, and has one
		h := crypto.SHA256.New()
		n, err := h.Write([]byte("something else"))
		require.NoError(t, err)
		require.Equal(t, 14, n)
		h.Reset()
		h.Write(content[:7])
		h.Write(content[7:])
		require.Equal(t, append([]byte("prefix"), want[:]...), h.Sum([]byte("prefix")))
		require.Equal(t, want[:], h.Sum(nil))
		require.Equal(t, []int{sha256.Size, sha256.BlockSize}, []int{h.Size(), h.BlockSize()})
		require.Equal(t, used, hashes)
		api.Set("sha256", object(t, map[string]func([]js.Value) any{"sha256": start}).Get("sha256"))
	}
}

// echo is a host that decompresses to what it gets.
func echo(t *testing.T, whole bool) (h host, closed *bool) {
	none := js.Global().Get("Uint8Array").New(0)
	left := none
	closed = new(bool)
	z := object(t, map[string]func([]js.Value) any{
		"input": func(args []js.Value) any {
			left = js.Global().Get("Uint8Array").New(args[0])
			return left
		},
		"read": func([]js.Value) any {
			piece := left
			left = none
			return piece
		},
		"skip": func(args []js.Value) any {
			n := min(args[0].Int(), left.Length())
			left = left.Call("subarray", n)
			return n
		},
		"close": func([]js.Value) any { *closed = true; return nil },
	})
	z.Set("whole", whole)
	return host{object(t, map[string]func([]js.Value) any{"gunzip": func([]js.Value) any { return z }})}, closed
}

func TestHostGunzips(t *testing.T) {
	content := bytes.Repeat([]byte("content "), 100_000)
	h, closed := echo(t, true)
	yields := 0
	z, err := h.gunzip(t.Context(), bytes.NewReader(content), func() { yields++ })
	require.NoError(t, err)
	first := make([]byte, 1001)
	_, err = io.ReadFull(z, first)
	require.NoError(t, err)
	require.Equal(t, content[:1001], first)
	n, err := z.(*inflater).Skip(600_000)
	require.NoError(t, err)
	require.EqualValues(t, 600_000, n)
	require.Positive(t, yields, "what is passed over keeps nobody waiting")
	rest, err := io.ReadAll(z)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content[601_001:], rest))
	n, err = z.(*inflater).Skip(1)
	require.Equal(t, []any{int64(0), io.EOF}, []any{n, err})
	require.NoError(t, z.Close())
	require.True(t, *closed)
}

func TestHostGunzipsWhatIsBroken(t *testing.T) {
	h, _ := echo(t, false)
	z, err := h.gunzip(t.Context(), strings.NewReader("cut off"), func() {})
	require.NoError(t, err)
	got, err := io.ReadAll(z)
	require.Equal(t, "cut off", string(got))
	require.ErrorContains(t, err, "is cut off")

	broken := errors.New("the source broke")
	z, err = h.gunzip(t.Context(), io.MultiReader(strings.NewReader("some"), failing{broken}), func() {})
	require.NoError(t, err)
	_, err = io.ReadAll(z)
	require.ErrorIs(t, err, broken)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	z, err = h.gunzip(ctx, strings.NewReader("some"), func() {})
	require.NoError(t, err)
	_, err = z.(*inflater).Skip(4)
	require.ErrorIs(t, err, context.Canceled)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestPace: as much garbage as is in use is too much where that is a lot.
func TestPace(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	pace()
	until(t, func() bool { runtime.GC(); return percent() == 200 })
	used := make([]byte, 64<<20)
	until(t, func() bool { runtime.GC(); return percent() == 50 })
	runtime.KeepAlive(used)
	until(t, func() bool { runtime.GC(); return percent() == 200 })
}
