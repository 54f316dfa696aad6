package polled_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp/testserver"
	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// loop is a host in this process: it moves frames between a Link and a Peer.
type loop struct {
	link *polled.Link
	body atomic.Int64 // bytes of response bodies given to the guest
}

func newLoop(t *testing.T, o peer.Options) *loop {
	l := &loop{link: polled.NewLink()}
	p := peer.New(context.Background(), o, func(h *frame.Header, payload []byte) bool {
		if h.Type == frame.Body {
			l.body.Add(int64(len(payload)))
		}
		b, err := frame.Encode(h, payload)
		require.NoError(t, err)
		h, payload, err = frame.Decode(b)
		require.NoError(t, err)
		l.link.Deliver(h, payload)
		return true
	})
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			b := l.link.Pull()
			if b != nil {
				h, payload, err := frame.Decode(b)
				if err == nil {
					p.Handle(h, payload)
				}
				continue
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
	t.Cleanup(func() {
		p.Close()
		close(stop)
		<-stopped
	})
	return l
}

func TestSuite(t *testing.T) {
	for _, form := range []fetchshim.Upload{fetchshim.UploadStream, fetchshim.UploadSized} {
		t.Run(string(form), func(t *testing.T) {
			client := nethttp.New(nethttp.Options{})
			defer client.CloseIdle()
			l := newLoop(t, peer.Options{Fetcher: client})
			o := fetchtest.Options{Ahead: 2 * frame.MaxPayload, Sent: l.body.Load, Large: 256 << 20}
			fetchtest.Suite(t, testserver.Start(t), o, func(*testing.T) fetchshim.Fetcher { return l.link.Fetcher(1, form) })
		})
	}
}
