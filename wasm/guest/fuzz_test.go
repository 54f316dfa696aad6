package guest_test

import (
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// script turns bytes into what a host does.
type script []byte

func (s *script) byte() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

func (s *script) take(n int) []byte {
	n = min(n, len(*s))
	b := (*s)[:n:n]
	*s = (*s)[n:]
	return b
}

var (
	answers = []frame.Type{
		frame.Response, frame.Fault, frame.Body, frame.Ready, frame.Rewind, frame.Fired, frame.Opened, frame.Data, frame.Credential, frame.Cancel, frame.Hello, frame.Item,
	}
	kinds    = []string{"", "file", "dir", "not_found", "refused", "network", "cancelled", "unheard of"}
	requests = []struct{ verb, request string }{
		{"version", `{}`},
		{"nonsense", `{}`},
		{"inspect", `{"ref":"oci:x:y"}`},
		{"inspect", `{"ref":"registry.example/x:y"}`},
		{"files", `{"ref":"docker-archive:x.tar"}`},
		{"files", `{"ref":"dir:x"}`},
		{"tags", `{"ref":"registry.example/x"}`},
		{"digest", `{"file":"x"}`},
		{"cat", `{"ref":"oci-archive:x.tar","path":"a"}`},
		{"copy", `{"source":"oci:x:y","destination":"docker://registry.example/a:b"}`},
	}
)

// header makes one answer. IDs are small, so that they often fit.
func (s *script) header() (frame.Header, []byte) {
	h := frame.Header{Type: answers[s.byte()%len(answers)], ID: uint32(s.byte() % 24)}
	flags := s.byte()
	h.EOF, h.Kind = flags&1 != 0, kinds[flags>>1%8]
	h.Size, h.Status = int64(s.byte())<<(flags>>4%4*8), s.byte()*3
	switch h.Type {
	case frame.Cancel:
		h.Call, h.ID = h.ID%4, 0
	case frame.Ready:
		h.Call, h.Stream = uint32(flags>>4%4), uint32(flags>>6)
	case frame.Hello:
		h.ABI, h.Upload, h.Platform = 1, []string{"stream", "sized", "blob", ""}[flags>>4%4], string(s.take(flags>>6))
	case frame.Response:
		h.Header = [][2]string{{"Content-Type", "application/vnd.oci.image.manifest.v1+json"}, {string(s.take(flags >> 6)), string(s.take(flags >> 4))}}
	case frame.Opened:
		h.Entries = []frame.Entry{{Name: "index.json", Size: h.Size}, {Name: string(s.take(flags >> 5)), Dir: flags&1 != 0}}
	}
	return h, s.take(s.byte())
}

// FuzzGuest lets a hostile host talk to a guest: it never panics, what waits for the host stays bounded, and once all is
// cancelled nothing is open any more and nothing runs.
func FuzzGuest(f *testing.F) {
	for _, seed := range []string{
		"\x02\x02\x00\x03\x00\x01\x06\x01\x02\x05\x00\x00\x00\x00\x03", "\x02\x07\x03\x01\x06\x01\x02\x05\x00\x00\x03\x01\x07\x01\x00\x00\x00\x05hello",
		"\x02\x03\x01\x00\x01\x00\x42\x43\x00\x00\x03\x01\x02\x01\x00\x00\x00\x02{}", "\x00\x06\x02\x00\x00\x00[]", "\x02\x02\x02\x02\x01\x09\x00\x00\x00\x00\x00",
		"\x02\x04\x03\x01\x06\x01\x02\xff\x00\x00\x03\x01\x07\x01\x00\x00\x00\x06\x1f\x8b\x08\x00\x00\x00",
		"\x02\x00\x02\x01\x02\x02\x02\x03\x02\x04\x02\x05\x02\x06\x02\x07\x02\x08\x02\x09\x03\x03\x03", "\x01\x0a\x00\x00\x00\x00\x00\x02\x08\x03",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		before := runtime.NumGoroutine()
		play(start(t), script(b))
		for start := time.Now(); runtime.NumGoroutine() > before; time.Sleep(100 * time.Microsecond) {
			require.Less(t, time.Since(start), 10*time.Second, "a goroutine stays")
		}
	})
}

func play(b bench, s script) {
	ops := 0
	for ; len(s) > 0; ops++ {
		switch s.byte() % 4 {
		case 0:
			b.Push(append([]byte(nil), s.take(s.byte())...))
		case 1:
			h, payload := s.header()
			b.push(h, payload...)
		case 2:
			r := requests[s.byte()%len(requests)]
			b.push(frame.Header{Type: frame.Call, Call: uint32(1 + s.byte()%3), Verb: r.verb, Request: json.RawMessage(r.request)})
		case 3:
			for range 20 {
				runtime.Gosched()
			}
			drain(b)
		}
	}
	require.Less(b.t, drain(b), 200+2*ops, "frames that wait for the host")
	for n := range uint32(4) {
		b.push(frame.Header{Type: frame.Cancel, Call: n})
	}
	for start := time.Now(); !b.Idle(); time.Sleep(100 * time.Microsecond) {
		require.Less(b.t, time.Since(start), 10*time.Second, "a call did not end when it was cancelled")
		drain(b)
	}
}

// drain pulls everything.
func drain(b bench) int {
	b.Flush()
	n := 0
	for f := b.Pull(); f != nil; f = b.Pull() {
		h, _, err := frame.Decode(f)
		require.NoError(b.t, err)
		n++
		require.Less(b.t, n, 100_000, "endless %v", h)
	}
	return n
}
