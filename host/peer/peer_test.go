package peer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// got is a frame that the guest was given.
type got struct {
	frame.Header
	payload string
}

// guest is the other side of a Peer, driven by a test frame by frame.
type guest struct {
	t    *testing.T
	peer *peer.Peer
	in   chan got
	gone chan struct{}
	once sync.Once
}

func newGuest(t *testing.T, o peer.Options) *guest {
	g := &guest{t: t, in: make(chan got), gone: make(chan struct{})}
	g.peer = peer.New(t.Context(), o, func(h *frame.Header, payload []byte) bool {
		select {
		case g.in <- got{*h, string(payload)}:
			return true
		case <-g.gone:
			return false
		}
	})
	t.Cleanup(g.leave)
	return g
}

// leave ends the guest as a host does: nobody takes frames any more, then the Peer is closed.
func (g *guest) leave() {
	g.once.Do(func() { close(g.gone) })
	g.peer.Close()
}

func (g *guest) send(h frame.Header, payload string) {
	g.t.Helper()
	require.True(g.t, g.peer.Handle(&h, []byte(payload)), h.Type)
}

func (g *guest) take(want frame.Type) got {
	g.t.Helper()
	select {
	case f := <-g.in:
		require.Equal(g.t, want, f.Type, "%+v", f)
		return f
	case <-time.After(10 * time.Second):
		require.Fail(g.t, "no frame came", want)
		return got{}
	}
}

// quiet says that no frame comes.
func (g *guest) quiet() {
	g.t.Helper()
	select {
	case f := <-g.in:
		require.Fail(g.t, "a frame came", "%+v", f)
	case <-time.After(30 * time.Millisecond):
	}
}

type fetch func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error)

func (f fetch) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	return f(ctx, req)
}

func respond(body string) fetch {
	return func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		var h fetchshim.Header
		h.Add("Link", "<a>")
		h.Add("Link", "<b>")
		return &fetchshim.Response{Status: 404, URL: req.URL + "#moved", Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func TestFetchIsAnsweredPieceByPiece(t *testing.T) {
	var seen fetchshim.Request
	server := respond(strings.Repeat("x", 3*frame.MaxPayload))
	g := newGuest(t, peer.Options{Fetcher: fetch(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		seen = *req
		return server(ctx, req)
	})})
	g.send(frame.Header{Type: frame.Fetch, ID: 7, Call: 1, Method: "HEAD", URL: "https://a.example/", Redirect: "manual", Header: [][2]string{{"A", "1"}, {"A", "2"}}}, "")
	head := g.take(frame.Response)
	require.Equal(t, uint32(7), head.ID)
	require.Equal(t, 404, head.Status, "a status is no fault")
	require.Equal(t, "https://a.example/#moved", head.URL)
	require.Equal(t, [][2]string{{"Link", "<a>"}, {"Link", "<b>"}}, head.Header.Header)
	require.Equal(t, "HEAD", seen.Method)
	require.Equal(t, fetchshim.Manual, seen.Redirect)
	require.Equal(t, fetchshim.Header{{Name: "A", Value: "1"}, {Name: "A", Value: "2"}}, seen.Header)
	g.quiet() // nothing of the body comes unasked

	g.send(frame.Header{Type: frame.Read, ID: 7, Max: 10}, "")
	require.Len(t, g.take(frame.Body).payload, 10)
	g.quiet()
	g.send(frame.Header{Type: frame.Read, ID: 7, Max: 1 << 30}, "")
	require.LessOrEqual(t, len(g.take(frame.Body).payload), frame.MaxPayload)
	total := 0
	for eof := false; !eof; {
		g.send(frame.Header{Type: frame.Read, ID: 7, Max: frame.MaxPayload}, "")
		f := g.take(frame.Body)
		total += len(f.payload)
		eof = f.EOF
	}
	require.Positive(t, total)
	g.send(frame.Header{Type: frame.Read, ID: 7, Max: 10}, "")
	g.quiet() // the id has ended
}

func TestFaults(t *testing.T) {
	fails := func(err error) fetch {
		return func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		o    peer.Options
		kind string
		text string
	}{
		"no fetcher":    {peer.Options{}, "refused", "sends no requests"},
		"not allowed":   {peer.Options{Fetcher: respond(""), Allow: func(string, string) error { return errors.New("not that one") }}, "refused", "not that one"},
		"a fault":       {peer.Options{Fetcher: fails(&fetchshim.Fault{Kind: fetchshim.Timeout, Err: errors.New("too slow")})}, "timeout", "too slow"},
		"another error": {peer.Options{Fetcher: fails(errors.New("broken"))}, "network", "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, c.o)
			g.send(frame.Header{Type: frame.Fetch, ID: 1, URL: "https://a.example/"}, "")
			f := g.take(frame.Fault)
			require.Equal(t, c.kind, f.Kind)
			require.Contains(t, f.Text, c.text)
		})
	}
	t.Run("a body that breaks off", func(t *testing.T) {
		g := newGuest(t, peer.Options{Fetcher: fetch(func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
			return &fetchshim.Response{Status: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("ab"), failingReader{}))}, nil
		})})
		g.send(frame.Header{Type: frame.Fetch, ID: 1, URL: "https://a.example/"}, "")
		g.take(frame.Response)
		g.send(frame.Header{Type: frame.Read, ID: 1, Max: 10}, "")
		require.Equal(t, "ab", g.take(frame.Body).payload)
		g.send(frame.Header{Type: frame.Read, ID: 1, Max: 10}, "")
		require.Equal(t, "network", g.take(frame.Fault).Kind)
	})
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// TestUpload writes a body, is told to begin again, and writes it once more.
func TestUpload(t *testing.T) {
	bodies := make(chan string, 2)
	g := newGuest(t, peer.Options{Fetcher: fetch(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		require.EqualValues(t, 6, req.Body.Len())
		for range 2 {
			r, err := req.Body.Open(ctx)
			if err != nil {
				return nil, err
			}
			b, err := io.ReadAll(r)
			if err != nil {
				return nil, err
			}
			bodies <- string(b)
		}
		return respond("")(ctx, req)
	})})
	g.send(frame.Header{Type: frame.Fetch, ID: 1, Method: "PUT", URL: "https://a.example/", Body: &frame.BodyInfo{Kind: "stream", Len: 6}}, "")
	g.send(frame.Header{Type: frame.Write, ID: 1}, "abc")
	g.take(frame.Ready)
	g.send(frame.Header{Type: frame.Write, ID: 1, EOF: true}, "def")
	require.Equal(t, "abcdef", <-bodies)
	g.take(frame.Rewind)
	g.send(frame.Header{Type: frame.Write, ID: 1, Pass: 0}, "late")
	g.send(frame.Header{Type: frame.Write, ID: 1, Pass: 1, EOF: true}, "ABCDEF")
	require.Equal(t, "ABCDEF", <-bodies)
	g.take(frame.Response)
}

func TestTimersFireUnlessClosed(t *testing.T) {
	g := newGuest(t, peer.Options{})
	g.send(frame.Header{Type: frame.Timer, ID: 1, MS: 1}, "")
	require.Equal(t, uint32(1), g.take(frame.Fired).ID)
	g.send(frame.Header{Type: frame.Timer, ID: 2, MS: 20}, "")
	g.send(frame.Header{Type: frame.Close, ID: 2}, "")
	g.send(frame.Header{Type: frame.Timer, ID: 3, MS: -1}, "")
	require.Equal(t, uint32(3), g.take(frame.Fired).ID)
	g.quiet()
}

func TestInputs(t *testing.T) {
	g := newGuest(t, peer.Options{Inputs: map[string]peer.Input{"file": strings.NewReader("0123456789"), "broken": brokenInput{}}})
	g.send(frame.Header{Type: frame.Open, ID: 1, Name: "nothing"}, "")
	f := g.take(frame.Fault)
	require.Equal(t, "not_found", f.Kind)
	require.Equal(t, fs.ErrNotExist.Error(), f.Text)

	g.send(frame.Header{Type: frame.Open, ID: 2, Name: "file"}, "")
	f = g.take(frame.Opened)
	require.Equal(t, "file", f.Kind)
	require.EqualValues(t, 10, f.Size)
	for _, c := range []struct {
		off  int64
		max  int
		want string
	}{{0, 4, "0123"}, {7, 100, "789"}, {10, 4, ""}, {1 << 40, 4, ""}, {3, 0, ""}} {
		g.send(frame.Header{Type: frame.Pread, ID: 2, Off: c.off, Max: c.max}, "")
		require.Equal(t, c.want, g.take(frame.Data).payload)
	}
	g.send(frame.Header{Type: frame.Pread, ID: 2, Off: -1, Max: 4}, "")
	g.take(frame.Fault)
	g.send(frame.Header{Type: frame.Close, ID: 2}, "")
	g.send(frame.Header{Type: frame.Pread, ID: 2, Max: 4}, "")
	g.quiet()

	g.send(frame.Header{Type: frame.Open, ID: 3, Name: "broken"}, "")
	g.take(frame.Opened)
	g.send(frame.Header{Type: frame.Pread, ID: 3, Max: 4}, "")
	require.Contains(t, g.take(frame.Fault).Text, "disk")
}

type brokenInput struct{}

func (brokenInput) Size() int64                       { return 4 }
func (brokenInput) ReadAt([]byte, int64) (int, error) { return 0, errors.New("the disk is gone") }

func TestCredential(t *testing.T) {
	g := newGuest(t, peer.Options{Credential: func(_ context.Context, registry string) (peer.Credential, error) {
		if registry == "broken.example" {
			return peer.Credential{}, errors.New("the vault is sealed")
		}
		return peer.Credential{Username: "u of " + registry, Password: "p", Token: "t"}, nil
	}})
	g.send(frame.Header{Type: frame.Credential, ID: 1, Registry: "a.example"}, "")
	f := g.take(frame.Credential)
	require.Equal(t, []string{"u of a.example", "p", "t"}, []string{f.Username, f.Password, f.Token})
	g.send(frame.Header{Type: frame.Credential, ID: 2, Registry: "broken.example"}, "")
	require.Equal(t, "the vault is sealed", g.take(frame.Fault).Text)

	g = newGuest(t, peer.Options{})
	g.send(frame.Header{Type: frame.Credential, ID: 1, Registry: "a.example"}, "")
	f = g.take(frame.Credential)
	require.Empty(t, f.Username+f.Password+f.Token, "anonymous")
}

// TestOthersAreNotHandled: frames that are not about input and output, or not of a guest, are somebody else's.
func TestOthersAreNotHandled(t *testing.T) {
	g := newGuest(t, peer.Options{})
	for _, typ := range []frame.Type{frame.Result, frame.Error, frame.Event, frame.Item, frame.Output, frame.Hello, frame.Response, frame.Cancel, "", "later"} {
		require.False(t, g.peer.Handle(&frame.Header{Type: typ, ID: 1}, nil), typ)
	}
	for _, typ := range []frame.Type{frame.Read, frame.Pread, frame.Write, frame.Close} {
		g.send(frame.Header{Type: typ, ID: 99}, "") // an id that never was
	}
	g.quiet()
}

// TestBounds: an id that is in use and one too many are ignored; too many reads are lost, not kept.
func TestBounds(t *testing.T) {
	before := runtime.NumGoroutine()
	started := make(chan struct{}, 5000)
	g := newGuest(t, peer.Options{Fetcher: fetch(func(ctx context.Context, _ *fetchshim.Request) (*fetchshim.Response, error) {
		started <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	for id := range uint32(3000) {
		g.send(frame.Header{Type: frame.Fetch, ID: id + 1, URL: "https://a.example/"}, "")
		g.send(frame.Header{Type: frame.Fetch, ID: id + 1, URL: "https://a.example/"}, "")
		g.send(frame.Header{Type: frame.Read, ID: id + 1, Max: 1}, "")
	}
	for range 1024 {
		<-started
	}
	require.Empty(t, started)
	require.LessOrEqual(t, runtime.NumGoroutine(), before+1024+8)
	g.leave()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 10*time.Second, 10*time.Millisecond)
}

// TestCloseWaits: when Close returns, nothing of the caller's is used any more.
func TestCloseWaits(t *testing.T) {
	var mu sync.Mutex
	running := 0
	g := newGuest(t, peer.Options{
		Fetcher: fetch(func(ctx context.Context, _ *fetchshim.Request) (*fetchshim.Response, error) {
			mu.Lock()
			running++
			mu.Unlock()
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond) // what it still has to do
			mu.Lock()
			running--
			mu.Unlock()
			return nil, ctx.Err()
		}),
		Inputs: map[string]peer.Input{"file": bytes.NewReader(make([]byte, 100))},
	})
	for id := range uint32(4) {
		g.send(frame.Header{Type: frame.Fetch, ID: id + 1, URL: "https://a.example/"}, "")
	}
	g.send(frame.Header{Type: frame.Open, ID: 9, Name: "file"}, "")
	g.take(frame.Opened)
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return running == 4 }, 10*time.Second, time.Millisecond)
	g.leave()
	require.Zero(t, running)
	require.True(t, g.peer.Handle(&frame.Header{Type: frame.Fetch, ID: 10, URL: "https://a.example/"}, nil))
	g.leave()
	require.Zero(t, running, "nothing begins afterwards")
}
