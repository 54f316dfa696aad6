package guest_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core"
	"github.com/stevedore-oci/stevedore/wasm/frame"
	"github.com/stevedore-oci/stevedore/wasm/guest"
)

// bench is a guest and a host that does what a test says.
type bench struct {
	t *testing.T
	*guest.Guest
}

// start makes a guest that has said hello and whose host can do everything.
func start(t *testing.T) bench {
	t.Helper()
	b := bench{t, guest.New(guest.Options{Verbs: core.Verbs(), Writes: guest.Writes, Yield: runtime.Gosched})}
	h, _ := b.next()
	require.Equal(t, frame.Hello, h.Type)
	b.push(frame.Header{Type: frame.Hello, ABI: frame.ABI, Upload: "stream", Capabilities: []string{guest.CapFiles, guest.CapCredentials}})
	return b
}

func (b bench) push(h frame.Header, payload ...byte) {
	b.t.Helper()
	f, err := frame.Encode(&h, payload)
	require.NoError(b.t, err)
	b.Push(f)
}

func (b bench) call(number uint32, verb, request string) {
	b.push(frame.Header{Type: frame.Call, Call: number, Verb: verb, Request: json.RawMessage(request)})
}

// next waits for a frame of the guest.
func (b bench) next() (*frame.Header, []byte) {
	b.t.Helper()
	for range 5000 {
		b.Flush()
		if f := b.Pull(); f != nil {
			h, payload, err := frame.Decode(f)
			require.NoError(b.t, err)
			return h, payload
		}
		time.Sleep(time.Millisecond)
	}
	require.Fail(b.t, "no frame came")
	return nil, nil
}

// mistake expects an error frame that belongs to no call.
func (b bench) mistake(text string) {
	b.t.Helper()
	h, _ := b.next()
	require.Equal(b.t, frame.Error, h.Type)
	require.Zero(b.t, h.Call)
	require.Equal(b.t, "input", h.Kind)
	require.Contains(b.t, h.Text, text)
}

func TestMistakes(t *testing.T) {
	b := start(t)
	b.Push(nil)
	b.mistake("no header length")
	b.Push([]byte("\x02\x00\x00\x00[]"))
	b.mistake("frame header")
	b.push(frame.Header{Type: "hello "})
	b.mistake(`"hello "`)
	b.push(frame.Header{Type: frame.Fetch, ID: 1})
	b.mistake("not a frame of the host")
	b.push(frame.Header{Type: frame.Hello, ABI: 2})
	b.mistake("version 2")
	b.push(frame.Header{Type: frame.Hello, ABI: frame.ABI, Platform: "a b"})
	b.mistake("a b")
	b.call(0, "version", "{}")
	b.mistake("0")
	b.Push(append(append([]byte("\x00\x00\x10\x00"), `{"type":"`...), strings.Repeat("x", 1<<20)...))
	b.mistake("frame header")
	require.True(t, b.Idle())
}

// TestStray sends answers that nobody asked for: they may have crossed a close.
func TestStray(t *testing.T) {
	b := start(t)
	for _, typ := range []frame.Type{frame.Response, frame.Fault, frame.Body, frame.Ready, frame.Rewind, frame.Fired, frame.Opened, frame.Data, frame.Credential, frame.Cancel} {
		b.push(frame.Header{Type: typ, ID: 7, Call: 9 * map[frame.Type]uint32{frame.Cancel: 1}[typ]})
		require.Nil(t, b.Pull(), typ)
	}
	b.push(frame.Header{Type: frame.Ready, Call: 9, Stream: 1})
	require.Nil(t, b.Pull())
}

// TestManyMistakes never pulls: what waits for the host stays bounded.
func TestManyMistakes(t *testing.T) {
	b := start(t)
	b.call(1, "inspect", `{"ref":"oci:x:y"}`)
	for range 10_000 {
		b.call(1, "version", "{}")
		b.Push([]byte("no frame"))
		b.push(frame.Header{Type: "unheard of"})
	}
	n := 0
	for b.Pull() != nil {
		n++
	}
	require.Less(t, n, 100)
}

// TestNumberTaken uses the number of an open call: that call goes on.
func TestNumberTaken(t *testing.T) {
	b := start(t)
	b.call(5, "inspect", `{"ref":"oci:x:y"}`)
	open, _ := b.next()
	require.Equal(t, &frame.Header{Type: frame.Open, Call: 5, ID: open.ID, Name: "x"}, open)
	b.call(5, "version", "{}")
	b.mistake("number 5")
	b.push(frame.Header{Type: frame.Fault, ID: open.ID, Kind: "not_found", Text: "none here"})
	h, _ := b.next()
	require.Equal(t, frame.Error, h.Type)
	require.EqualValues(t, 5, h.Call)
	require.Equal(t, "not_found", h.Kind)
	b.call(5, "version", "{}")
	h, _ = b.next()
	require.Equal(t, frame.Result, h.Type, "the number is free again")
}

// TestFileFaults maps what a host says about a file to the kind of the verb's error.
func TestFileFaults(t *testing.T) {
	for kind, want := range map[string]string{"not_found": "not_found", "refused": "denied", "unsupported": "unsupported", "internal": "internal", "what": "internal"} {
		b := start(t)
		b.call(1, "inspect", `{"ref":"oci-archive:x:y"}`)
		open, _ := b.next()
		b.push(frame.Header{Type: frame.Fault, ID: open.ID, Kind: kind, Text: "because"})
		h, _ := b.next()
		require.Equal(t, want, h.Kind, kind)
	}
}

func TestCancel(t *testing.T) {
	for _, request := range []string{`{"ref":"oci:x:y"}`, `{"ref":"registry.example/x:y"}`} {
		b := start(t)
		b.call(1, "inspect", request)
		asked, _ := b.next()
		b.push(frame.Header{Type: frame.Cancel, Call: 1})
		open := map[uint32]bool{asked.ID: true} // a request has a timer besides
		for ended := false; len(open) > 0 || !ended; {
			switch h, _ := b.next(); h.Type {
			case frame.Close:
				require.True(t, open[h.ID])
				delete(open, h.ID)
			case frame.Error:
				require.Equal(t, "cancelled", h.Kind)
				require.EqualValues(t, 1, h.Call)
				require.True(t, b.Idle())
				ended = true
			default:
				open[h.ID] = true
			}
		}
	}
}

func TestLongNames(t *testing.T) {
	b := start(t)
	long := strings.Repeat("é", 500_000)
	b.call(1, long, "{}")
	h, _ := b.next()
	require.Equal(t, frame.Error, h.Type)
	b.push(frame.Header{Type: frame.Type(strings.Repeat("\x00", 2<<20))})
	h, _ = b.next()
	require.Less(t, len(h.Text), 1000, "the host knows what it sent")
	b.call(2, "inspect", fmt.Sprintf(`{"ref":%q}`, "oci:"+strings.Repeat("a", 1<<20)))
	h, _ = b.next()
	require.Equal(t, "input", h.Kind)
}
