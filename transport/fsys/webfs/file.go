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
// are read side by side from one file. Where one window follows another, the next is fetched while this one is used.
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
	windows []window
}

// window is a part of the Blob; its bytes are nil until somebody has waited for them.
type window struct {
	off    int64
	coming js.Value // the promise of an ArrayBuffer
	b      []byte
}

func newFile(ctx context.Context, blob js.Value) fsys.File {
	return &file{ctx: ctx, blob: blob, size: size(blob)}
}

// size is a number of JS, exact up to 2^53.
func size(blob js.Value) int64 { return int64(blob.Get("size").Float()) }

func (f *file) Size() int64 { return f.size }

// Close lets the windows go.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.windows = nil
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name(), Err: fs.ErrInvalid}
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
			return done, &fs.PathError{Op: "read", Path: f.name(), Err: err}
		}
	}
	return done, nil
}

func (f *file) name() string {
	if n := f.blob.Get("name"); n.Type() == js.TypeString {
		return n.String()
	}
	return "blob"
}

// copyFrom copies what the window at off has, at least one byte where err is nil.
func (f *file) copyFrom(p []byte, off int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := off - off%windowSize
	follows := f.index(start-windowSize) >= 0
	w := f.take(start)
	if follows && f.index(start+windowSize) < 0 && start+windowSize < f.size {
		f.keep(f.fetch(start + windowSize))
	}
	if w.b == nil {
		b, err := bytes(f.ctx, w.coming)
		if err != nil {
			return 0, err
		}
		w.b, w.coming = b, js.Value{}
	}
	f.keep(w)
	if off-start >= int64(len(w.b)) {
		return 0, io.ErrUnexpectedEOF // the file shrank
	}
	return copy(p, w.b[off-start:]), nil
}

// index is that of the window at start, or -1.
func (f *file) index(start int64) int {
	return slices.IndexFunc(f.windows, func(w window) bool { return w.off == start })
}

// take removes the window at start from those that are kept; it is fetched where there is none.
func (f *file) take(start int64) window {
	i := f.index(start)
	if i < 0 {
		return f.fetch(start)
	}
	w := f.windows[i]
	f.windows = slices.Delete(f.windows, i, i+1)
	return w
}

// keep puts w among the windows, in place of the one that was not used for longest.
func (f *file) keep(w window) {
	if len(f.windows) == maxWindows {
		f.windows = slices.Delete(f.windows, 0, 1)
	}
	f.windows = append(f.windows, w)
}

// fetch begins to read a window (https://w3c.github.io/FileAPI/#slice-method-algo).
func (f *file) fetch(start int64) window {
	end := min(start+windowSize, f.size)
	coming := f.blob.Call("slice", float64(start), float64(end)).Call("arrayBuffer")
	coming.Call("catch", js.Global().Get("Function").Get("prototype")) // nobody may come to wait for it
	return window{off: start, coming: coming}
}

// bytes waits for a window. A file that changed on disk since it was chosen cannot be read any more: the browser says
// NotReadableError.
func bytes(ctx context.Context, coming js.Value) ([]byte, error) {
	buffer, err := promise.Await(ctx, coming)
	if err != nil {
		return nil, err
	}
	array := js.Global().Get("Uint8Array").New(buffer)
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b, nil
}
