//go:build js

package webfs

import (
	"io"
	"io/fs"
	"syscall/js"
)

// held is a file whose bytes are in memory of the host.
type held struct{ bytes js.Value }

func (h *held) Size() int64 { return int64(h.bytes.Length()) }

func (h *held) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: "blob", Err: fs.ErrInvalid}
	}
	if off >= h.Size() {
		return 0, io.EOF
	}
	n := js.CopyBytesToGo(p, h.bytes.Call("subarray", float64(off), float64(off+int64(len(p)))))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *held) Close() error { return nil }
