package polled_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/host/peer"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// body is one of so many bytes of a pattern whose length is announced as size.
func body(size, announced int64) fetchshim.Body {
	return fetchshim.BodyFunc{Size: announced, From: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(fetchtest.NewPattern().Reader(size)), nil
	}}
}

func put(t *testing.T, l *polled.Link, b fetchshim.Body) <-chan error {
	return begin(func() error {
		resp, err := l.Fetcher(1, fetchshim.UploadStream).Fetch(t.Context(), &fetchshim.Request{Method: "PUT", URL: "https://a.example/", Body: b})
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// TestRewindTwice asks for the body again before the guest has seen the first rewind, as a redirect to a redirect does.
func TestRewindTwice(t *testing.T) {
	const size = 3*frame.MaxPayload + 5
	for range 30 {
		l := polled.NewLink()
		done := put(t, l, body(size, size))
		fetch, _ := next(t, l)
		l.Deliver(&frame.Header{Type: frame.Rewind, ID: fetch.ID}, nil)
		l.Deliver(&frame.Header{Type: frame.Rewind, ID: fetch.ID}, nil)
		var got []byte
		for last := false; !last; {
			h, payload := next(t, l)
			require.Equal(t, frame.Write, h.Type)
			if h.Pass < 2 {
				continue
			}
			got = append(got, payload...)
			last = h.EOF
			l.Deliver(&frame.Header{Type: frame.Ready, ID: fetch.ID}, nil)
		}
		require.Len(t, got, size)
		require.NoError(t, fetchtest.NewPattern().Check(0, got))
		l.Deliver(&frame.Header{Type: frame.Response, ID: fetch.ID, Status: 201}, nil)
		require.NoError(t, <-done)
	}
}

// TestRewindWhileRead opens the body again while the pass before is still being read, as net/http does when the answer
// came early.
func TestRewindWhileRead(t *testing.T) {
	const size = 20 * frame.MaxPayload
	var got []byte
	l := newLoop(t, peer.Options{Fetcher: fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		for range 3 {
			early, err := req.Body.Open(ctx)
			if err != nil {
				return nil, err
			}
			go io.Copy(io.Discard, early)
		}
		r, err := req.Body.Open(ctx)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if got, err = io.ReadAll(r); err != nil {
			return nil, err
		}
		return &fetchshim.Response{Status: 201, Body: io.NopCloser(bytes.NewReader(nil))}, nil
	})}).link
	for range 20 {
		require.NoError(t, <-put(t, l, body(size, size)))
		require.Len(t, got, size)
		require.NoError(t, fetchtest.NewPattern().Check(0, got))
	}
}

// TestClosedUpload closes a body whose next piece does not come.
func TestClosedUpload(t *testing.T) {
	stuck, never := io.Pipe()
	defer never.Close()
	l := newLoop(t, peer.Options{Fetcher: fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		r, err := req.Body.Open(ctx)
		if err != nil {
			return nil, err
		}
		ended := begin(func() error { _, err := io.ReadAll(r); return err })
		require.NoError(t, r.Close())
		require.Error(t, <-ended)
		return &fetchshim.Response{Status: 413, Body: io.NopCloser(bytes.NewReader(nil))}, nil
	})}).link
	b := fetchshim.BodyFunc{Size: -1, From: func(context.Context) (io.ReadCloser, error) { return stuck, nil }}
	require.NoError(t, <-put(t, l, b))
}

// TestWrongLength sends more and less than was announced: neither may reach a server as if it were whole.
func TestWrongLength(t *testing.T) {
	for _, announced := range []int64{99_999, 100_001} {
		l := newLoop(t, peer.Options{Fetcher: fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
			r, err := req.Body.Open(ctx)
			if err != nil {
				return nil, err
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				return nil, err
			}
			return nil, errors.New("the body came whole")
		})}).link
		err := <-put(t, l, body(100_000, announced))
		require.ErrorContains(t, err, "request body")
	}
}
