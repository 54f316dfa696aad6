//go:build js

package webfs_test

import (
	"context"
	"io"
	"strings"
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/webfs"
)

// blob is a Blob of the JS engine; the tests run in Node, whose Blob is the standard's.
func blob(content string) js.Value {
	b := js.Global().Get("Uint8Array").New(len(content))
	js.CopyBytesToJS(b, []byte(content))
	return js.Global().Get("Blob").New([]any{b})
}

func blobs(prefix string) map[string]js.Value {
	out := map[string]js.Value{}
	for name, content := range fsystest.Files() {
		out[prefix+name] = blob(content)
	}
	return out
}

func TestSuites(t *testing.T) {
	h := webfs.New(blobs("drop/"))
	t.Run("host", func(t *testing.T) { fsystest.Host(t, h, "drop/") })
	t.Run("host with dots", func(t *testing.T) { fsystest.Host(t, h, "./drop/") })
	t.Run("dir", func(t *testing.T) {
		d, err := h.OpenDir(t.Context(), "drop")
		require.NoError(t, err)
		fsystest.Dir(t, d)
	})
}

func TestFromObject(t *testing.T) {
	deep := map[string]any{"b.txt": blob("beta"), "down": map[string]any{"c.bin": blob(fsystest.Files()["deep/down/c.bin"])}}
	h, err := webfs.FromObject(js.ValueOf(map[string]any{"a.txt": blob("alpha"), "empty": blob(""), "deep": deep}))
	require.NoError(t, err)
	d, err := h.OpenDir(t.Context(), ".")
	require.NoError(t, err)
	fsystest.Dir(t, d)
	_, err = webfs.FromObject(js.ValueOf(map[string]any{"a": map[string]any{"b": 3}}))
	require.EqualError(t, err, `"/a/b" is no Blob and no object of Blobs`)
}

// TestWindows counts what is asked of a large Blob.
func TestWindows(t *testing.T) {
	const size = 5<<20 + 7
	content := strings.Repeat("0123456789", size/10+1)[:size]
	real, slices := blob(content), 0
	counting := js.FuncOf(func(_ js.Value, args []js.Value) any {
		slices++
		require.LessOrEqual(t, args[1].Int()-args[0].Int(), 512<<10, "a file is never loaded whole")
		return real.Call("slice", args[0], args[1])
	})
	defer counting.Release()
	fake := js.ValueOf(map[string]any{"size": size, "slice": counting})
	f, err := webfs.New(map[string]js.Value{"big": fake}).OpenFile(t.Context(), "big")
	require.NoError(t, err)
	got, err := io.ReadAll(fsys.NewReader(t.Context(), f, 0))
	require.NoError(t, err)
	require.True(t, string(got) == content)
	require.Equal(t, 11, slices, "one for each window")
}

// TestStream: where one window follows another, they come from a stream, also where two parts are read side by side.
func TestStream(t *testing.T) {
	const size, part = 6<<20 + 7, 3 << 20
	content := strings.Repeat("0123456789", size/10+1)[:size]
	slices, streams := 0, []int{}
	real := blob(content)
	slice := js.FuncOf(func(_ js.Value, args []js.Value) any {
		slices++
		return real.Call("slice", args[0], args[1])
	})
	defer slice.Release()
	ended := 0
	cancel := js.FuncOf(func(js.Value, []js.Value) any { ended++; return nil })
	defer cancel.Release()
	pieces := js.FuncOf(func(_ js.Value, args []js.Value) any {
		at := args[0].Int()
		streams = append(streams, at)
		read := js.FuncOf(func(js.Value, []js.Value) any {
			from := at
			at = min(at+512<<10, size)
			b := js.Global().Get("Uint8Array").New(at - from)
			js.CopyBytesToJS(b, []byte(content[from:at]))
			return js.Global().Get("Promise").Call("resolve", b)
		})
		t.Cleanup(read.Release)
		return js.ValueOf(map[string]any{"read": read, "cancel": cancel})
	})
	defer pieces.Release()
	fake := js.ValueOf(map[string]any{"size": size, "slice": slice, "pieces": pieces})
	f, err := webfs.New(map[string]js.Value{"big": fake}).OpenFile(t.Context(), "big")
	require.NoError(t, err)
	p := make([]byte, 100<<10)
	for at := 0; at < part; at += len(p) {
		for _, off := range []int{at, part + at} {
			n, err := f.ReadAt(p, int64(off))
			require.True(t, err == nil || err == io.EOF && off+n == size, "%v", err)
			require.True(t, string(p[:n]) == content[off:off+n], "at %d", off)
		}
	}
	require.Equal(t, []int{512 << 10, part + 512<<10}, streams)
	require.Equal(t, 2, slices, "the first window of each part")
	n, err := f.ReadAt(p, 7)
	require.NoError(t, err)
	require.Equal(t, content[7:7+n], string(p))
	require.NoError(t, f.Close())
	require.Equal(t, 2, ended)
}

// TestHeld: what the host holds in memory is read from there, without asking for slices.
func TestHeld(t *testing.T) {
	held := map[string]js.Value{}
	hold := js.Global().Get("Function").New("blob", "return {size: blob.size, name: blob.name, held: async () => new Uint8Array(await blob.arrayBuffer())}")
	for name, b := range blobs("drop/") {
		held[name] = hold.Invoke(b)
	}
	h := webfs.New(held)
	fsystest.Host(t, h, "drop/")
	d, err := h.OpenDir(t.Context(), "drop")
	require.NoError(t, err)
	fsystest.Dir(t, d)
	gone := js.Global().Get("Function").New("return {size: 3, name: 'a.tar', held: () => Promise.reject(new Error('NotReadableError: changed'))}").Invoke()
	_, err = webfs.New(map[string]js.Value{"gone": gone}).OpenFile(t.Context(), "gone")
	require.ErrorContains(t, err, "open a.tar: NotReadableError: changed")
}

func TestReadsEndWithTheContext(t *testing.T) {
	never := js.FuncOf(func(js.Value, []js.Value) any {
		return js.ValueOf(map[string]any{"arrayBuffer": js.Global().Get("Function").New("return new Promise(() => {})")})
	})
	defer never.Release()
	ctx, cancel := context.WithCancel(t.Context())
	f, err := webfs.New(map[string]js.Value{"stuck": js.ValueOf(map[string]any{"size": 10, "slice": never})}).OpenFile(ctx, "stuck")
	require.NoError(t, err)
	cancel()
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.Equal(t, errs.Cancelled, errs.Of(err), "%v", err)
}

func TestUnreadable(t *testing.T) {
	broken := js.Global().Get("Function").New("return {arrayBuffer: () => Promise.reject(new Error('NotReadableError: changed'))}")
	f, err := webfs.New(map[string]js.Value{"gone": js.ValueOf(map[string]any{"size": 10, "slice": broken})}).OpenFile(t.Context(), "gone")
	require.NoError(t, err)
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.ErrorContains(t, err, "NotReadableError: changed")
}
