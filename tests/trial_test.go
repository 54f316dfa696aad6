package tests

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// TestTrial runs the reactor whose verbs only wait and work.
func TestTrial(t *testing.T) {
	out := filepath.Join(t.TempDir(), "trial.wasm")
	build(t, out, "../wasm/wasi/trial")
	m := compile(t, out, 64)
	for name, run := range map[string]func(*testing.T, *modules){
		"yields": yields, "garbage": garbage, "upload behind a pipe": uploadBehindPipe, "timeout": timeout,
	} {
		t.Run(name, func(t *testing.T) { run(t, m) })
	}
}

func (in *instance) trial(call uint32, verb, request string) {
	in.t.Helper()
	in.push(frame.Header{Type: frame.Call, Call: call, Verb: verb, Request: json.RawMessage(request)})
}

// yields counts: where the clock stands still, steps end by the number of yields.
func yields(t *testing.T, m *modules) {
	in := m.start(t, true, nil)
	in.trial(1, "work", `{"n":1600}`)
	steps := 1
	for ; in.step() == busy; steps++ {
	}
	require.Equal(t, frame.Result, in.pullAll()[0].Type)
	require.InDelta(t, 100, steps, 5)
}

// garbage collects garbage while nothing else goes on: a step must not take that for having nothing to do.
func garbage(t *testing.T, m *modules) {
	for _, frozen := range []bool{true, false} {
		in := m.start(t, frozen, nil)
		for call := range uint32(4) {
			in.trial(call+1, "garbage", `{"n":50000}`)
		}
		for ended := 0; ended < 4; {
			list := in.next()
			require.NotEmpty(t, list)
			ended += len(list)
		}
		require.Equal(t, done, in.step())
	}
}

// uploadBehindPipe sends what another goroutine is still making.
func uploadBehindPipe(t *testing.T, m *modules) {
	for _, frozen := range []bool{true, false} {
		in := m.start(t, frozen, nil)
		in.trial(1, "upload", `{"n":20}`)
		f := in.until(frame.Fetch)
		require.Equal(t, &frame.BodyInfo{Kind: "stream", Len: -1}, f.Body)
		n := 0
		for last := false; !last; {
			w := in.until(frame.Write)
			n, last = n+len(w.payload), w.EOF
			if !last {
				in.push(frame.Header{Type: frame.Ready, ID: f.ID})
			}
		}
		require.Equal(t, 20*frame.MaxPayload, n)
		in.push(frame.Header{Type: frame.Response, ID: f.ID, Status: 201})
		in.until(frame.Read)
		in.push(frame.Header{Type: frame.Body, ID: f.ID, EOF: true})
		in.until(frame.Result)
		require.Equal(t, done, in.step())
	}
}

// timeout waits for a host that answers nothing but the timer.
func timeout(t *testing.T, m *modules) {
	in := m.start(t, true, nil)
	in.trial(1, "timeout", `{"ms":50}`)
	var timer, fetch received
	for timer.Header == nil || fetch.Header == nil {
		for _, f := range in.next() {
			switch f.Type {
			case frame.Timer:
				timer = f
			case frame.Fetch:
				fetch = f
			}
		}
	}
	require.EqualValues(t, 50, timer.MS)
	require.Equal(t, idle, in.step())
	require.Equal(t, idle, in.step())
	in.push(frame.Header{Type: frame.Fired, ID: timer.ID})
	seen := map[frame.Type]received{}
	for seen[frame.Error].Header == nil {
		for _, f := range in.next() {
			seen[f.Type] = f
		}
	}
	require.Contains(t, seen[frame.Error].Text, "deadline")
	require.Equal(t, fetch.ID, seen[frame.Close].ID)
	require.Equal(t, done, in.step())
}
