package host_test

import (
	"encoding/binary"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// module is a WebAssembly module with the exports of a reactor, made by hand to misbehave: a field that is nil does nothing
// wrong. Bodies are instructions without the end.
type module struct {
	initialize, abi, alloc, push, step, pull []byte
	// frames are given one after the other, the last of them again and again; with none, pull gives nothing.
	frames  [][]byte
	without string // an export that is missing
	imports bool   // it imports a function of another module
	types   bool   // its alloc takes nothing
}

// Instructions.
var (
	unreachable = []byte{0x00}
	forever     = []byte{0x03, 0x40, 0x0c, 0x00, 0x0b, 0x00} // loop br 0 end unreachable
)

func i32Const(n int32) []byte { return append([]byte{0x41}, signed(int64(n))...) }
func i64Const(n int64) []byte { return append([]byte{0x42}, signed(n)...) }

// signed is LEB128.
func signed(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if (n == 0 && b&0x40 == 0) || (n == -1 && b&0x40 != 0) {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func vec(items ...[]byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(items)))
	for _, it := range items {
		out = append(out, it...)
	}
	return out
}

func sized(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func name(s string) []byte { return sized([]byte(s)) }

// Where things are in the module's memory of 64 pages.
const (
	buffers  = 1 << 20 // alloc gives this address always
	framesAt = 1 << 10
	pages    = 64
)

func (m module) wasm() []byte {
	or := func(body, usual []byte) []byte {
		if body == nil {
			return usual
		}
		return body
	}
	var data []byte
	for _, f := range m.frames {
		data = append(data, f...)
	}
	code := func(body []byte) []byte { return sized(append(append([]byte{0}, body...), 0x0b)) }
	bodies := [][]byte{
		code(or(m.initialize, nil)), code(or(m.abi, i32Const(frame.ABI))), code(or(m.alloc, i32Const(buffers))),
		code(or(m.push, nil)), code(or(m.step, i32Const(1))), code(or(m.pull, m.give())),
	}
	types := [][]byte{
		{0x60, 0, 0}, {0x60, 0, 1, 0x7f}, {0x60, 1, 0x7f, 1, 0x7f}, {0x60, 2, 0x7f, 0x7f, 0}, {0x60, 0, 1, 0x7e},
	}
	first := byte(0)
	out := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	section := func(id byte, b []byte) { out = append(append(out, id), sized(b)...) }
	section(1, vec(types...))
	if m.imports {
		first = 1
		section(2, vec(append(append(name("env"), name("steal")...), 0, 0)))
	}
	alloc := []byte{2}
	if m.types {
		alloc = []byte{1}
	}
	section(3, vec([]byte{0}, []byte{1}, alloc, []byte{3}, []byte{1}, []byte{4}))
	section(5, vec([]byte{0, pages}))
	section(6, vec(append(append([]byte{0x7f, 1}, i32Const(0)...), 0x0b)))
	var exports [][]byte
	for i, e := range []string{"_initialize", "stevedore_abi", "alloc", "push", "step", "pull"} {
		if e != m.without {
			exports = append(exports, append(name(e), 0, first+byte(i)))
		}
	}
	if m.without != "memory" {
		exports = append(exports, append(name("memory"), 2, 0))
	}
	section(7, vec(exports...))
	section(10, vec(bodies...))
	section(11, vec(append(append(append([]byte{0}, i32Const(framesAt)...), 0x0b), sized(data)...)))
	return out
}

// give is the body of pull: the frames in their order by a counter, the last one for ever.
func (m module) give() []byte {
	if len(m.frames) == 0 {
		return i64Const(0)
	}
	at := framesAt
	var body []byte
	for i, f := range m.frames {
		result := i64Const(int64(at)<<32 | int64(len(f)))
		at += len(f)
		if i == len(m.frames)-1 {
			return append(body, result...)
		}
		// global.get 0; i32.const i; i32.eq; if; i32.const i+1; global.set 0; result; return; end
		body = append(append(body, 0x23, 0), i32Const(int32(i))...)
		body = append(append(body, 0x46, 0x04, 0x40), i32Const(int32(i+1))...)
		body = append(append(append(body, 0x24, 0), result...), 0x0f, 0x0b)
	}
	return body
}

// encode makes a frame.
func encode(h frame.Header, payload string) []byte {
	b, err := frame.Encode(&h, []byte(payload))
	if err != nil {
		panic(err)
	}
	return b
}
