//go:build js

package webfs

import (
	"context"
	"io"
	"io/fs"
	"slices"
	"sync"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// A read fetches a window of the Blob, since each costs a turn of the event loop. Some are kept: the layers of one archive
// are read side by side from one file. Where one window follows another, the next ones come from a stream, which the browser reads
// ahead of.
const (
	windowSize = 512 << 10 // bytes
	maxWindows = 8
)

// file reads a Blob through windows, the most recently used last.
type file struct {
	ctx  context.Context // of the opening
	blob js.Value
	size int64

	mu      sync.Mutex
	windows []*window
}

// window is a part of the Blob. One that has a stream moves on with it.
type window struct {
	off    int64
	b      []byte
	stream js.Value // of what comes after the window, in pieces of windowSize; undefined where there is none
}

func open(ctx context.Context, blob js.Value) (fsys.File, error) {
	if blob.Get("held").Type() != js.TypeFunction {
		return &file{ctx: ctx, blob: blob, size: size(blob)}, nil
	}
	bytes, err := promise.Await(ctx, blob.Call("held"))
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name(blob), Err: err}
	}
	return &held{bytes}, nil
}

// size is a number of JS, exact up to 2^53.
func size(blob js.Value) int64 { return int64(blob.Get("size").Float()) }

func (f *file) Size() int64 { return f.size }

// Close lets the windows go.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.windows {
		w.drop()
	}
	f.windows = nil
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: name(f.blob), Err: fs.ErrInvalid}
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= f.size {
			return done, io.EOF
		}
		n, err := f.copyFrom(p[done:], at)
		done += n
		if err != nil {
			return done, &fs.PathError{Op: "read", Path: name(f.blob), Err: err}
		}
	}
	return done, nil
}

func name(blob js.Value) string {
	if n := blob.Get("name"); n.Type() == js.TypeString {
		return n.String()
	}
	return "blob"
}

// copyFrom copies what the window at off has, at least one byte where err is nil.
func (f *file) copyFrom(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, err := f.window(off)
	if err != nil {
		return 0, err
	}
	f.keep(w)
	if off >= w.end() {
		return 0, io.ErrUnexpectedEOF // the file shrank
	}
	return copy(p, w.b[off-w.off:]), nil
}

// window takes the one with off from those that are kept, or moves the one before it on, or fetches it.
func (f *file) window(off int64) (*window, error) {
	if w := f.take(func(w *window) bool { return w.off <= off && off < w.end() }); w != nil {
		return w, nil
	}
	start := off - off%windowSize
	if before := f.take(func(w *window) bool { return w.end() == start }); before != nil {
		if before.stream.IsUndefined() {
			before.stream = f.streamFrom(start)
		}
		if !before.stream.IsUndefined() {
			return before, before.move(f.ctx)
		}
		f.keep(before)
	}
	return f.fetch(start)
}

// take removes the window that fits from those that are kept; nil where there is none.
func (f *file) take(fits func(*window) bool) *window {
	i := slices.IndexFunc(f.windows, fits)
	if i < 0 {
		return nil
	}
	w := f.windows[i]
	f.windows = slices.Delete(f.windows, i, i+1)
	return w
}

// keep puts w among the windows, in place of the one that was not used for longest.
func (f *file) keep(w *window) {
	if len(f.windows) == maxWindows {
		f.windows[0].drop()
		f.windows = slices.Delete(f.windows, 0, 1)
	}
	f.windows = append(f.windows, w)
}

// fetch reads a window (https://w3c.github.io/FileAPI/#slice-method-algo). A file that changed on disk since it was chosen cannot
// be read any more: the browser says NotReadableError.
func (f *file) fetch(start int64) (*window, error) {
	end := min(start+windowSize, f.size)
	buffer, err := promise.Await(f.ctx, f.blob.Call("slice", float64(start), float64(end)).Call("arrayBuffer"))
	if err != nil {
		return nil, err
	}
	w := &window{off: start}
	w.fill(js.Global().Get("Uint8Array").New(buffer))
	return w, nil
}

// streamFrom begins to read the Blob from off to its end. It is undefined where the Blob, or the browser, cannot do that.
func (f *file) streamFrom(off int64) js.Value {
	if f.blob.Get("pieces").Type() != js.TypeFunction {
		return js.Undefined()
	}
	return f.blob.Call("pieces", float64(off))
}

func (w *window) end() int64 { return w.off + int64(len(w.b)) }

// move makes w the window after it.
func (w *window) move(ctx context.Context) error {
	piece, err := promise.Await(ctx, w.stream.Call("read"))
	if err != nil {
		w.drop()
		return err
	}
	w.off = w.end()
	w.fill(piece)
	return nil
}

func (w *window) fill(piece js.Value) {
	n := piece.Length()
	if cap(w.b) < n {
		w.b = make([]byte, n)
	}
	w.b = w.b[:n]
	js.CopyBytesToGo(w.b, piece)
}

// drop ends the stream of a window that is not kept any more.
func (w *window) drop() {
	if !w.stream.IsUndefined() {
		w.stream.Call("cancel")
	}
}
