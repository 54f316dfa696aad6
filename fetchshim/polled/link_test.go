package polled_test

import (
	"bytes"
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

var _ clock.Clock = (*polled.Clock)(nil)

// next waits for a frame of the guest.
func next(t *testing.T, l *polled.Link) (*frame.Header, []byte) {
	t.Helper()
	for range 5000 {
		if b := l.Pull(); b != nil {
			h, payload, err := frame.Decode(b)
			require.NoError(t, err)
			return h, payload
		}
		time.Sleep(time.Millisecond)
	}
	require.Fail(t, "no frame came")
	return nil, nil
}

// begin runs do in a goroutine and gives its error.
func begin(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

func TestSleep(t *testing.T) {
	l := polled.NewLink()
	ctx, cancel := context.WithCancel(t.Context())
	done := begin(func() error { return l.Clock(7).Sleep(ctx, 1500*time.Microsecond) })
	h, _ := next(t, l)
	require.Equal(t, &frame.Header{Type: frame.Timer, Call: 7, ID: 1, MS: 2}, h)
	l.Deliver(&frame.Header{Type: frame.Fired, ID: 1}, nil)
	require.NoError(t, <-done)

	done = begin(func() error { return l.Clock(7).Sleep(ctx, time.Hour) })
	h, _ = next(t, l)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	closing, _ := next(t, l)
	require.Equal(t, &frame.Header{Type: frame.Close, ID: h.ID}, closing)
}

func TestTimeout(t *testing.T) {
	l := polled.NewLink()
	parent, cancelParent := context.WithCancel(t.Context())
	ctx, cancel := l.Clock(1).WithTimeout(parent, time.Minute)
	defer cancel()
	derived, cancelDerived := context.WithCancel(ctx)
	defer cancelDerived()
	h, _ := next(t, l)
	require.NoError(t, derived.Err())
	l.Deliver(&frame.Header{Type: frame.Fired, ID: h.ID}, nil)
	<-derived.Done()
	require.ErrorIs(t, derived.Err(), context.DeadlineExceeded)
	require.ErrorIs(t, context.Cause(derived), context.DeadlineExceeded)
	require.NoError(t, parent.Err())

	ctx, cancel2 := l.Clock(1).WithTimeout(parent, time.Minute)
	defer cancel2()
	h, _ = next(t, l)
	require.Equal(t, frame.Timer, h.Type)
	cancelParent()
	<-ctx.Done()
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	h, _ = next(t, l)
	require.Equal(t, frame.Close, h.Type)

	ctx, cancel3 := l.Clock(1).WithTimeout(t.Context(), -1)
	defer cancel3()
	require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
}

func TestFetchTimesOut(t *testing.T) {
	l := polled.NewLink()
	ctx, cancel := l.Clock(1).WithTimeout(t.Context(), time.Minute)
	defer cancel()
	timer, _ := next(t, l)
	done := begin(func() error {
		_, err := l.Fetcher(1, fetchshim.UploadBlob).Fetch(ctx, &fetchshim.Request{URL: "https://a.example/"})
		return err
	})
	fetch, _ := next(t, l)
	l.Deliver(&frame.Header{Type: frame.Fired, ID: timer.ID}, nil)
	var fault *fetchshim.Fault
	require.ErrorAs(t, <-done, &fault)
	require.Equal(t, fetchshim.Timeout, fault.Kind)
	closing, _ := next(t, l)
	require.Equal(t, &frame.Header{Type: frame.Close, ID: fetch.ID}, closing)
}

// TestStrayFrames sends what a broken host might: nothing of it may disturb the one who waits.
func TestStrayFrames(t *testing.T) {
	l := polled.NewLink()
	done := begin(func() error {
		resp, err := l.Fetcher(1, fetchshim.UploadBlob).Fetch(t.Context(), &fetchshim.Request{URL: "https://a.example/"})
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	})
	h, _ := next(t, l)
	for _, stray := range []frame.Header{
		{Type: frame.Response, ID: h.ID + 1}, {Type: frame.Body, ID: h.ID}, {Type: frame.Ready, ID: h.ID},
		{Type: frame.Rewind, ID: h.ID}, {Type: frame.Fired, ID: h.ID}, {Type: frame.Response, ID: h.ID, Status: 204},
	} {
		l.Deliver(&stray, nil)
	}
	require.NoError(t, <-done)
	l.Deliver(&frame.Header{Type: frame.Body, ID: h.ID}, nil)
}

func TestFlood(t *testing.T) {
	l := polled.NewLink()
	done := begin(func() error { _, err := l.Open(t.Context(), 1, "x"); return err })
	h, _ := next(t, l)
	l.Deliver(&frame.Header{Type: frame.Opened, ID: h.ID, Kind: "file", Size: 10}, nil)
	require.NoError(t, <-done)
	for range 100 {
		l.Deliver(&frame.Header{Type: frame.Data, ID: h.ID}, make([]byte, 1000))
	}
	closing, _ := next(t, l)
	require.Equal(t, &frame.Header{Type: frame.Close, ID: h.ID}, closing, "the host can forget it as well")
	require.Zero(t, l.Queued())
}

// TestWrongAnswers answers with frames of another kind: that is an error, and never an anonymous user or an empty file.
func TestWrongAnswers(t *testing.T) {
	l := polled.NewLink()
	done := begin(func() error { _, err := l.Credential(t.Context(), 1, "a.example"); return err })
	h, _ := next(t, l)
	l.Deliver(&frame.Header{Type: frame.Fired, ID: h.ID}, nil)
	require.ErrorContains(t, <-done, "fired")

	done = begin(func() error { _, err := l.Open(t.Context(), 1, "x"); return err })
	h, _ = next(t, l)
	l.Deliver(&frame.Header{Type: frame.Data, ID: h.ID}, nil)
	require.ErrorContains(t, <-done, "data")
	closing, _ := next(t, l)
	require.Equal(t, frame.Close, closing.Type)

	for _, a := range []struct {
		frame.Header
		payload []byte
	}{{frame.Header{Type: frame.Data}, nil}, {frame.Header{Type: frame.Opened, Kind: "file", Size: 7}, nil}, {frame.Header{Type: frame.Fault, Kind: "internal", Text: "pulled out"}, nil}} {
		done = begin(func() error {
			in, err := l.Open(t.Context(), 1, "x")
			if err == nil {
				_, err = in.ReadAt(make([]byte, 5), 0)
				in.Close()
			}
			return err
		})
		h, _ = next(t, l)
		l.Deliver(&frame.Header{Type: frame.Opened, ID: h.ID, Kind: "file", Size: 7}, nil)
		pread, _ := next(t, l)
		require.Equal(t, &frame.Header{Type: frame.Pread, ID: h.ID, Max: 5}, pread)
		a.ID = h.ID
		l.Deliver(&a.Header, a.payload)
		require.Error(t, <-done)
		closing, _ = next(t, l)
		require.Equal(t, frame.Close, closing.Type)
	}
}

func TestInput(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 20_000)
	l := newLoop(t, peer.Options{Inputs: map[string]peer.Input{"in": bytes.NewReader(content)}}).link
	_, err := l.Open(t.Context(), 1, "out")
	require.ErrorIs(t, err, fs.ErrNotExist)
	in, err := l.Open(t.Context(), 1, "in")
	require.NoError(t, err)
	require.EqualValues(t, len(content), in.Size)
	got := make([]byte, 150_000)
	n, err := in.ReadAt(got, 12_345)
	require.NoError(t, err)
	require.Equal(t, content[12_345:12_345+n], got)
	n, err = in.ReadAt(got, int64(len(content))-3)
	require.Equal(t, 3, n)
	require.Error(t, err)
	require.NoError(t, in.Close())
}

func TestCredential(t *testing.T) {
	l := newLoop(t, peer.Options{Credential: func(_ context.Context, registry string) (peer.Credential, error) {
		if registry == "broken.example" {
			return peer.Credential{}, fs.ErrPermission
		}
		return peer.Credential{Username: "user of " + registry, Password: "secret"}, nil
	}}).link
	s, err := l.Credential(t.Context(), 1, "a.example")
	require.NoError(t, err)
	require.Equal(t, polled.Secret{Username: "user of a.example", Password: "secret"}, s)
	_, err = l.Credential(t.Context(), 1, "broken.example")
	require.ErrorContains(t, err, "permission")
}

func TestRoomWaits(t *testing.T) {
	l := polled.NewLink()
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan int)
	done := begin(func() error {
		for i := 0; ; i++ {
			if err := l.SendContent(ctx, &frame.Header{Type: frame.Item, Call: 1}, nil); err != nil {
				return err
			}
			sent <- i
		}
	})
	n := 0
	for quiet := false; !quiet; {
		select {
		case <-sent:
			n++
		case <-time.After(50 * time.Millisecond):
			quiet = true
		}
	}
	require.Equal(t, l.Queued(), n)
	require.Less(t, n, 100)
	require.NotNil(t, l.Pull())
	<-sent
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}
