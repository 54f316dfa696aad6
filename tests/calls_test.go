package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// outcome is all that one call gave.
type outcome struct {
	items, output bytes.Buffer
	last          received
}

// serve answers the calls 1 to n until they have ended. It also gives the calls of their frames in order.
func (in *instance) serve(n int, o peer.Options) (outcomes []*outcome, order []uint32) {
	in.t.Helper()
	answers := make(chan received)
	gone := make(chan struct{})
	p := peer.New(in.t.Context(), o, func(h *frame.Header, payload []byte) bool {
		select {
		case answers <- received{h, payload}:
			return true
		case <-gone:
			return false
		}
	})
	defer p.Close()
	defer close(gone)
	for range n {
		outcomes = append(outcomes, &outcome{})
	}
	for ended := 0; ended < n; {
		state := in.step()
		for _, f := range in.pullAll() {
			if p.Handle(f.Header, f.payload) || f.Type == frame.Hello {
				continue
			}
			require.NotZero(in.t, f.Call, f.Text)
			order = append(order, f.Call)
			c := outcomes[f.Call-1]
			switch f.Type {
			case frame.Item:
				c.items.Write(f.payload)
			case frame.Output:
				c.output.Write(f.payload)
				in.answer(f)
			case frame.Result, frame.Error:
				c.last = f
				ended++
			}
		}
		if state == idle && ended < n {
			a := <-answers
			in.push(*a.Header, a.payload...)
		}
		for more := true; more; {
			select {
			case a := <-answers:
				in.push(*a.Header, a.payload...)
			default:
				more = false
			}
		}
	}
	return outcomes, order
}

// TestCallsInOneInstance runs calls at the same time in one instance: each gives what it gives alone.
func TestCallsInOneInstance(t *testing.T) {
	m := compile(t, artifact(t, "stevedore.wasm"), 128)
	dir, reg := fixture(t), registryOf(t, harbor)
	client := nethttp.New(nethttp.Options{})
	defer client.CloseIdle()
	o := peer.Options{Fetcher: client, Inputs: map[string]peer.Input{}}
	for _, name := range []string{"harbor.docker.tar.gz", "harbor.oci.tar"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		o.Inputs[name] = bytes.NewReader(b)
	}
	calls := []struct {
		verb    string
		request map[string]any
	}{
		{"files", map[string]any{"ref": "docker-archive:harbor.docker.tar.gz"}},
		{"cat", map[string]any{"ref": reg + "/harbor:amd64", "path": "/bin/busybox"}},
		{"files", map[string]any{"ref": reg + "/harbor:arm64"}},
		{"cat", map[string]any{"ref": "oci-archive:harbor.oci.tar:arm64", "path": "/bin/busybox"}},
		{"inspect", map[string]any{"ref": reg + "/harbor:nope"}},
	}
	var alone []*outcome
	together := m.start(t, false, nil)
	for i, c := range calls {
		in := m.start(t, false, nil)
		in.call(1, c.verb, c.request)
		got, _ := in.serve(1, o)
		alone = append(alone, got[0])
		together.call(uint32(i+1), c.verb, c.request)
	}
	got, order := together.serve(len(calls), o)
	for i, want := range alone {
		require.Equal(t, want.items.String(), got[i].items.String(), calls[i].verb)
		require.True(t, bytes.Equal(want.output.Bytes(), got[i].output.Bytes()), calls[i].verb)
		require.Equal(t, want.last.Type, got[i].last.Type)
		require.Equal(t, string(want.last.Value), string(got[i].last.Value))
		require.Equal(t, want.last.Kind, got[i].last.Kind)
	}
	require.Positive(t, alone[0].items.Len())
	require.Greater(t, alone[1].output.Len(), frame.MaxPayload)
	runs := len(slices.Compact(slices.Clone(order)))
	require.Greater(t, runs, len(calls), "calls take turns: %v", order)
	require.Equal(t, done, together.step())
}
