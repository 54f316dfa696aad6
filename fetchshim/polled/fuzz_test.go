package polled_test

import (
	"context"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// tasks use each kind of id.
var tasks = []func(context.Context, *polled.Link){
	func(ctx context.Context, l *polled.Link) {
		if resp, err := l.Fetcher(1, fetchshim.UploadStream).Fetch(ctx, &fetchshim.Request{URL: "https://a.example/"}); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
			_ = resp.Body.Close()
		}
	},
	func(ctx context.Context, l *polled.Link) {
		zeros := fetchshim.BodyFunc{Size: -1, From: fetchshim.Bytes(make([]byte, 3*frame.MaxPayload)).Open}
		req := &fetchshim.Request{Method: "PUT", URL: "https://a.example/", Body: zeros}
		if resp, err := l.Fetcher(1, fetchshim.UploadStream).Fetch(ctx, req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	},
	func(ctx context.Context, l *polled.Link) {
		if in, err := l.Open(ctx, 1, "x"); err == nil {
			_, _ = in.ReadAt(make([]byte, 100_000), 3)
			_ = in.Close()
		}
	},
	func(ctx context.Context, l *polled.Link) { _, _ = l.Credential(ctx, 1, "a.example") },
	func(ctx context.Context, l *polled.Link) { _ = l.Clock(1).Sleep(ctx, time.Second) },
	func(ctx context.Context, l *polled.Link) {
		ctx, cancel := l.Clock(1).WithTimeout(ctx, time.Second)
		defer cancel()
		<-ctx.Done()
	},
}

var answers = []frame.Type{
	frame.Response, frame.Fault, frame.Body, frame.Ready, frame.Rewind, frame.Fired, frame.Opened, frame.Data, frame.Credential,
}

// FuzzLink answers every kind of id with whatever comes. Nothing panics, and all that waits ends when its context does,
// and the frames it leaves are few.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{"\x01\x00\x00\x01\x02\x40\x01\x02\xff", "\x02\x00\x02\x04\x00\x02\x04\x00\x02\x03\x00\x02\x03\x00\x02\x03\x00", "\x03\x06\x30\x03\x07\x20\x03\x07\x20\x03\x07\x20", "\x04\x08\x01\x05\x05\x00\x06\x05\x00", "\x03\x01\x01\x01\x01\x02"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 3000 {
			return
		}
		l := polled.NewLink()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var all sync.WaitGroup
		for _, task := range tasks {
			all.Go(func() { task(ctx, l) })
		}
		for ; len(b) >= 3; b = b[3:] {
			h := &frame.Header{Type: answers[int(b[1])%len(answers)], ID: uint32(b[0] % 8), EOF: b[2]&1 != 0, Size: int64(b[2]) << 8, Status: 100 + int(b[2])}
			l.Deliver(h, make([]byte, int(b[2])*32))
			if b[0]&0x80 != 0 {
				runtime.Gosched()
				drain(t, l)
			}
		}
		cancel()
		ended := make(chan struct{})
		go func() { all.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			require.Fail(t, "something waits although its context has ended")
		}
		require.Less(t, drain(t, l), 200)
	})
}

func drain(t *testing.T, l *polled.Link) (n int) {
	for b := l.Pull(); b != nil; b = l.Pull() {
		_, _, err := frame.Decode(b)
		require.NoError(t, err)
		n++
	}
	return n
}
