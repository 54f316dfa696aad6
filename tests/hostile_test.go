package tests

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// TestHostileHost does all that docs/ABI.md forbids to a host. The module answers with an error frame or takes no notice;
// it never traps, and its memory stays within what frames of the largest size need.
func TestHostileHost(t *testing.T) {
	m := compile(t, artifact(t, "stevedore.wasm"), 64)
	for name, run := range map[string]func(*instance){
		"pointers": badPointers, "frames": badFrames, "large headers": largeHeaders, "calls": badCalls, "files": badFiles,
		"responses": badResponses, "floods": floods, "outputs": badOutputs,
	} {
		t.Run(name, func(t *testing.T) {
			in := m.start(t, true, nil)
			run(in)
			in.alive()
			t.Logf("%d MiB of memory", in.mod.Memory().Size()>>20)
		})
	}
}

// alive ends what is open, and then wants a verb to work as ever.
func (in *instance) alive() {
	in.t.Helper()
	for n := range uint32(10) {
		in.push(frame.Header{Type: frame.Cancel, Call: n})
	}
	in.next()
	in.push(frame.Header{Type: frame.Hello, ABI: frame.ABI})
	in.call(77, "version", struct{}{})
	for list := in.next(); ; list = in.next() {
		require.NotEmpty(in.t, list)
		for _, f := range list {
			if f.Call == 77 {
				require.Equal(in.t, frame.Result, f.Type, f.Text)
				require.Equal(in.t, done, in.step())
				return
			}
		}
	}
}

// shove pushes an answer that need not be right, so that the id may stay open.
func (in *instance) shove(h frame.Header) {
	in.t.Helper()
	b, err := frame.Encode(&h, []byte("some bytes"))
	require.NoError(in.t, err)
	in.pushBytes(b)
}

// mistake expects an error frame that belongs to no call, and nothing else.
func (in *instance) mistake(what string) {
	in.t.Helper()
	list := in.next()
	require.Len(in.t, list, 1, what)
	require.Equal(in.t, frame.Error, list[0].Type, what)
	require.Zero(in.t, list[0].Call, what)
	require.NotEmpty(in.t, list[0].Text, what)
}

// silent expects no frame.
func (in *instance) silent(what string) {
	in.t.Helper()
	require.Empty(in.t, in.next(), what)
}

func badPointers(in *instance) {
	in.next()
	require.Zero(in.t, in.export("alloc", frame.MaxHostFrame+1))
	require.Zero(in.t, in.export("alloc", 0xffffffff))
	p := in.export("alloc", 100)
	require.NotZero(in.t, p)
	for _, bad := range [][2]uint64{{0, 0}, {0, 100}, {p + 1, 10}, {p, 101}, {0xffffffff, 0xffffffff}, {p, 0xffffffff}, {64 << 20, 4}} {
		in.export("push", bad[0], bad[1])
		in.mistake(fmt.Sprint(bad))
	}
	in.mod.Memory().Write(uint32(p), make([]byte, 100))
	in.export("push", p, 0)
	in.mistake("an empty frame")
	in.export("push", p, 100)
	in.mistake("a buffer that was pushed already")
	zero := in.export("alloc", 0)
	require.NotZero(in.t, zero)
	in.export("push", zero, 0)
	in.mistake("a frame without a length")
	var kept []uint64
	for _, n := range []uint64{1 << 20, 0} {
		for p := in.export("alloc", n); p != 0; p = in.export("alloc", n) {
			kept = append(kept, p)
		}
		require.Less(in.t, in.mod.Memory().Size(), uint32(64<<20), "buffers that are never pushed")
	}
	for _, p := range kept {
		in.export("push", p, 0)
		in.pullAll()
	}
	for range 1000 { // bad frames that nobody pulls
		in.export("push", 1, 1)
	}
	require.Less(in.t, len(in.pullAll()), 100)
}

func badFrames(in *instance) {
	in.next()
	header := func(n uint32, text string) []byte { return append(binary.LittleEndian.AppendUint32(nil, n), text...) }
	for _, b := range [][]byte{
		{}, {1, 2, 3}, header(0, ""), header(0xffffffff, "{}"), header(3, "{}"), header(2, "[]"), header(4, "null"), header(1, "{"), header(5, "{}{}{"),
		header(15, `{"type":"hello"`), header(16, `{"type":"hello"}`), header(27, `{"type":"hello","abi":"one"}`), header(28, `{"type":"hello","abi":99999}`),
		header(19, `{"type":"no such"} `), header(16, `{"type":"fetch"}`), header(10, `{"type":7}`), header(12, "{\"type\":\"\xff\"}"),
		header(uint32(len(deep)), deep), append(header(32, `{"type":"body","id":1,"eof":true`), make([]byte, frame.MaxPayload+1)...),
		append(header(33, `{"type":"body","id":1,"eof":true}`), make([]byte, frame.MaxPayload+1)...),
		header(48, `{"type":"fired","id":99999999999999999999999999}`), header(25, `{"type":"fired","id":-1.5}`),
	} {
		in.pushBytes(b)
		in.mistake(fmt.Sprintf("%.60q", b))
	}
}

var deep = `{"type":"hello","capabilities":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"

// largeHeaders are as large as a header may be, with as many values as fit.
func largeHeaders(in *instance) {
	in.next()
	values := frame.MaxHostValues - 10
	fill := func(start, element, end string) {
		in.t.Helper()
		n := min((frame.MaxHostHeader-len(start)-len(end))/len(element), values)
		b := start + strings.Repeat(element, n-1) + strings.TrimSuffix(element, ",") + end
		in.pushBytes(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...))
		in.next()
	}
	for range 3 {
		fill(`{"type":"opened","id":1,"kind":"dir","entries":[`, `{},`, `]}`)
	}
	fill(`{"type":"hello","abi":1,"platform":"`, "x", `"}`)
	fill(`{"type":"hello","abi":1,"capabilities":[`, `"",`, `]}`)
	fill(`{"type":"response","id":1,"header":[`, `[],`, `]}`)
	fill(`{"type":"`, `\u0000`, `"}`)
	fill(`{"type":"call","call":1,"verb":"inspect","request":{"ref":"`, "a", `"}}`)
	fill(`{"type":"call","call":1,"verb":"files","request":{"ref":"oci:a:b","globs":[`, `"",`, `]}}`)
	fill(`{"type":"call","call":1,"verb":"`, "é", `"}`)
	fill(`{`, `"a":0,`, `}`)
	for values = range 2 { // and one that has too many
		values += frame.MaxHostValues
		fill(`{"type":"hello","abi":1,"capabilities":[`, `"",`, `]}`)
	}
}

func badCalls(in *instance) {
	in.next()
	raw := func(text string) {
		in.pushBytes(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...))
	}
	raw(`{"type":"call"}`)
	in.mistake("the call 0")
	for i, c := range []string{
		`"verb":"no such verb","request":{}`, `"verb":"","request":{}`, `"verb":"inspect"`, `"verb":"inspect","request":null`, `"verb":"inspect","request":[]`,
		`"verb":"inspect","request":"oci:a"`, `"verb":"inspect","request":{"ref":7}`, `"verb":"inspect","request":{"ref":"oci:a","no such field":1}`,
	} {
		raw(fmt.Sprintf(`{"type":"call","call":%d,%s}`, i+1, c))
		list := in.next()
		require.Len(in.t, list, 1, c)
		require.Equal(in.t, frame.Error, list[0].Type, c)
		require.EqualValues(in.t, i+1, list[0].Call, c)
		require.Equal(in.t, "input", list[0].Kind, c)
	}
	in.call(1, "inspect", map[string]string{"ref": "oci:a:b"})
	in.until(frame.Open)
	for range 1000 {
		in.call(1, "version", struct{}{})
	}
	require.Less(in.t, len(in.next()), 100)
	for n := range uint32(200) {
		in.call(n+2, "inspect", map[string]string{"ref": "oci:a:b"})
		in.next()
	}
	require.LessOrEqual(in.t, len(in.open), 64)
	for n := range uint32(200) {
		in.push(frame.Header{Type: frame.Cancel, Call: n + 1})
	}
	for list := in.next(); len(list) > 0; list = in.next() {
	}
}

func badFiles(in *instance) {
	for _, c := range [][]frame.Header{
		{{Type: frame.Data}},
		{{Type: frame.Opened}},
		{{Type: frame.Opened, Kind: "directory"}},
		{{Type: frame.Fault}},
		{{Type: frame.Opened, Kind: "file", Size: -5}},
		{{Type: frame.Opened, Kind: "file", Size: 1 << 62}, {Type: frame.Data}},
		{{Type: frame.Opened, Kind: "file", Size: 10}, {Type: frame.Opened, Kind: "file", Size: 20}},
		{{Type: frame.Opened, Kind: "file", Size: 10}, {Type: frame.Fired}},
		{{Type: frame.Opened, Kind: "dir", Entries: []frame.Entry{{Name: "../x"}, {Name: "/x"}, {Name: "."}, {Name: ""}, {Name: "a\x00b"}, {Name: strings.Repeat("n", 1<<20)}}}},
	} {
		for _, ref := range []string{"oci:x:y", "oci-archive:x:y", "docker-archive:x", "dir:x"} {
			in.call(1, "inspect", map[string]string{"ref": ref})
			for _, h := range c {
				id := in.asked()
				if id == 0 {
					break // the call has its error
				}
				h.ID = id
				in.shove(h)
				in.shove(h) // twice, which nobody asked for
			}
			in.refuseAll()
		}
	}
}

// asked gives the id of the next open or pread; 0 when the call has ended.
func (in *instance) asked() uint32 {
	for list := in.next(); len(list) > 0; list = in.next() {
		for _, f := range list {
			if f.Type == frame.Open || f.Type == frame.Pread || f.Type == frame.Fetch || f.Type == frame.Read {
				return f.ID
			}
		}
		if len(in.open) == 0 {
			return 0
		}
	}
	return 0
}

// refuseAll answers everything with a fault until the call has ended.
func (in *instance) refuseAll() {
	in.t.Helper()
	for range 100 {
		for id := range in.open {
			in.push(frame.Header{Type: frame.Fault, ID: id, Kind: "not_found", Text: "no"})
		}
		in.next()
		if in.step() == done {
			return
		}
	}
	require.Fail(in.t, "the call does not end")
}

func badResponses(in *instance) {
	for _, c := range [][]frame.Header{
		{{Type: frame.Body}},
		{{Type: frame.Body, EOF: true}},
		{{Type: frame.Rewind}, {Type: frame.Ready}, {Type: frame.Response, Status: 200}},
		{{Type: frame.Response}},
		{{Type: frame.Response, Status: -7, URL: "::"}},
		{{Type: frame.Response, Status: 1 << 40, Header: [][2]string{{}, {"\x00", "\r\n"}, {"Content-Length", "-1"}}}},
		{{Type: frame.Response, Status: 200}, {Type: frame.Response, Status: 404}},
		{{Type: frame.Response, Status: 200}, {Type: frame.Body}, {Type: frame.Body, EOF: true}},
		{{Type: frame.Response, Status: 200}, {Type: frame.Opened, Kind: "file"}},
		{{Type: frame.Response, Status: 401, Header: [][2]string{{"WWW-Authenticate", `Bearer realm="` + strings.Repeat("x", 1<<20)}}}},
	} {
		in.call(1, "inspect", map[string]string{"ref": "registry.example/x:y"})
		for _, h := range c {
			id := in.fetching()
			if id == 0 {
				break
			}
			h.ID = id
			in.shove(h)
			in.shove(h)
		}
		in.refuseAll()
	}
}

// fetching gives the id of a request that is open, once the module has nothing to do; credentials are anonymous.
func (in *instance) fetching() (id uint32) {
	for list := in.next(); len(list) > 0; list = in.next() {
		for _, f := range list {
			switch f.Type {
			case frame.Credential:
				in.push(frame.Header{Type: frame.Credential, ID: f.ID})
			case frame.Fetch:
				id = f.ID
			}
		}
	}
	for open := range in.open {
		id = max(id, open)
	}
	return id
}

// floods send far more than was asked for, to an id that waits and to many that do not exist.
func floods(in *instance) {
	in.next()
	in.call(1, "inspect", map[string]string{"ref": "oci-archive:x:y"})
	open := in.until(frame.Open)
	in.push(frame.Header{Type: frame.Opened, ID: open.ID, Kind: "file", Size: 1 << 30})
	in.until(frame.Pread)
	before := in.mod.Memory().Size()
	payload := make([]byte, frame.MaxPayload)
	for range 2000 {
		in.push(frame.Header{Type: frame.Data, ID: open.ID}, payload...)
		in.push(frame.Header{Type: frame.Body, ID: open.ID + 1}, payload...)
	}
	require.Less(in.t, in.mod.Memory().Size(), before+32<<20)
	in.refuseAll()
}

func badOutputs(in *instance) {
	in.next()
	for stream := range uint32(5) {
		in.push(frame.Header{Type: frame.Ready, Call: 9, Stream: stream})
		in.push(frame.Header{Type: frame.Ready, Stream: stream})
	}
	in.silent("ready for nothing")
	in.call(9, "inspect", map[string]any{"ref": "oci:x:y", "raw": true})
	open := in.until(frame.Open)
	for stream := range uint32(500) {
		in.push(frame.Header{Type: frame.Ready, Call: 9, Stream: stream})
	}
	in.silent("ready before any output")
	in.push(frame.Header{Type: frame.Fault, ID: open.ID, Kind: "not_found"})
	require.Equal(in.t, "not_found", in.until(frame.Error).Kind)
}
