//go:build js

package webfs

import (
	"context"
	"io"
	"io/fs"
	"sync"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// A read fetches a window of the Blob, since each costs a turn of the event loop. Some are kept: the layers of one archive
// are read side by side from one file.
const (
	windowSize = 512 << 10 // bytes
	maxWindows = 4
)

// file reads a Blob through windows, the most recently used last.
type file struct {
	ctx  context.Context // of the opening
	blob js.Value
	size int64

	mu      sync.Mutex
	windows []window
}

type window struct {
	off int64
	b   []byte
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
	for i, w := range f.windows {
		if off >= w.off && off < w.off+int64(len(w.b)) {
			f.windows = append(append(f.windows[:i], f.windows[i+1:]...), w)
			return copy(p, w.b[off-w.off:]), nil
		}
	}
	start := off - off%windowSize
	b, err := slice(f.ctx, f.blob, start, min(start+windowSize, f.size))
	if err != nil {
		return 0, err
	}
	if off-start >= int64(len(b)) {
		return 0, io.ErrUnexpectedEOF // the file shrank
	}
	if len(f.windows) == maxWindows {
		f.windows = append(f.windows[:0], f.windows[1:]...)
	}
	f.windows = append(f.windows, window{start, b})
	return copy(p, b[off-start:]), nil
}

// slice reads the bytes from start to end of a Blob (https://w3c.github.io/FileAPI/#slice-method-algo). A file that
// changed on disk since it was chosen cannot be read any more: the browser says NotReadableError.
func slice(ctx context.Context, blob js.Value, start, end int64) ([]byte, error) {
	buffer, err := promise.Await(ctx, blob.Call("slice", float64(start), float64(end)).Call("arrayBuffer"))
	if err != nil {
		return nil, err
	}
	bytes := js.Global().Get("Uint8Array").New(buffer)
	b := make([]byte, bytes.Length())
	js.CopyBytesToGo(b, bytes)
	return b, nil
}
