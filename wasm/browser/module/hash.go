//go:build js

package module

import (
	"crypto"
	"crypto/sha256"
	"hash"
	"syscall/js"
)

// hashBy computes SHA-256, by which nearly all content is checked, by means of the host where it has some.
func hashBy(api js.Value) {
	crypto.RegisterHash(crypto.SHA256, func() hash.Hash {
		if api.Get("sha256").Type() != js.TypeFunction {
			return sha256.New()
		}
		h := &hostHash{api: api}
		h.Reset()
		return h
	})
}

// hostHash is a SHA-256 of the host's (wasm/js/sha256.js).
type hostHash struct {
	api, host, buffer js.Value
}

func (h *hostHash) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := js.CopyBytesToJS(h.buffer, rest)
		h.host.Call("update", n)
		rest = rest[n:]
	}
	return len(p), nil
}

func (h *hostHash) Sum(b []byte) []byte {
	var sum [sha256.Size]byte
	js.CopyBytesToGo(sum[:], h.host.Call("sum"))
	return append(b, sum[:]...)
}

func (h *hostHash) Reset() {
	h.host = h.api.Call("sha256")
	h.buffer = h.host.Get("buffer")
}

func (h *hostHash) Size() int      { return sha256.Size }
func (h *hostHash) BlockSize() int { return sha256.BlockSize }
