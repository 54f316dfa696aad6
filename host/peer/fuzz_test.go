package peer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// echo answers with the request's body, and reads it twice for the path "/twice".
var echo = fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	var b []byte
	passes := 1 + strings.Count(req.URL, "/twice")
	for range passes {
		if req.Body == nil {
			break
		}
		r, err := req.Body.Open(ctx)
		if err != nil {
			return nil, err
		}
		b, err = io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			return nil, err
		}
	}
	return &fetchshim.Response{Status: 200, Body: io.NopCloser(bytes.NewReader(append(b, req.URL...)))}, nil
})

func options() peer.Options {
	return peer.Options{
		Fetcher: echo,
		Allow: func(_, url string) error {
			if strings.Contains(url, "forbidden") {
				return errors.New("not there")
			}
			return nil
		},
		Inputs: map[string]peer.Input{"in": strings.NewReader("content")},
		Credential: func(_ context.Context, registry string) (peer.Credential, error) {
			if registry == "" {
				return peer.Credential{}, errors.New("which one?")
			}
			return peer.Credential{Username: registry}, nil
		},
	}
}

// FuzzPeer lets any guest talk to a host: nothing panics, and when the host closes it all goroutines end.
func FuzzPeer(f *testing.F) {
	for _, seed := range []string{"\x00\x01\x00\x01\x01\x40", "\x00\x01\x85\x02\x01\x40\x02\x01\x41\x01\x01\xff", "\x03\x02\x00\x04\x02\x10\x04\x02\x00\x06\x02\x00", "\x05\x03\x01\x07\x04\x00\x07\x05\x09"} {
		f.Add([]byte(seed))
	}
	types := []frame.Type{frame.Fetch, frame.Read, frame.Write, frame.Open, frame.Pread, frame.Timer, frame.Close, frame.Credential, frame.Item}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1000 {
			return
		}
		before := runtime.NumGoroutine()
		p := peer.New(t.Context(), options(), func(h *frame.Header, payload []byte) bool {
			_, err := frame.Encode(h, payload)
			return err == nil
		})
		for asked := 0; len(b) >= 3; b, asked = b[3:], asked+1 {
			n := int(b[2])
			h := &frame.Header{
				Type: types[int(b[0])%len(types)], ID: uint32(b[1]), EOF: n&1 != 0, Pass: uint32(n >> 1 % 3), Max: n<<9 - 1000,
				Off: int64(n) - 1, MS: int64(n - 5), Name: []string{"in", "out"}[n&1], Registry: []string{"", "a.example"}[n&1],
				URL: []string{"http://a.example/", "http://a.example/twice", "http://forbidden.example/", ":"}[n%4],
			}
			if n >= 128 {
				h.Body = &frame.BodyInfo{Kind: "stream", Len: int64(n) - 129}
			}
			p.Handle(h, make([]byte, n))
		}
		p.Close()
		for start := time.Now(); runtime.NumGoroutine() > before; time.Sleep(50 * time.Microsecond) {
			require.Less(t, time.Since(start), 10*time.Second, "a goroutine stays")
		}
	})
}
