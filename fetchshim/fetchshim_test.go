package fetchshim_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

func TestHeader(t *testing.T) {
	var h fetchshim.Header
	require.Empty(t, h.Get("Link"))
	h.Add("Link", "a")
	h.Add("Accept", "x")
	h.Add("link", "b")
	require.Equal(t, "a", h.Get("LINK"))
	require.Equal(t, []string{"a", "b"}, h.Values("link"))
	require.Nil(t, h.Values("Range"))

	before := h.Clone()
	shared := h
	h.Set("Link", "c")
	require.Equal(t, fetchshim.Header{{Name: "Accept", Value: "x"}, {Name: "Link", Value: "c"}}, h)
	require.Equal(t, before, shared, "Set must not change the array of a copy")
	h.Del("accept")
	require.Equal(t, fetchshim.Header{{Name: "Link", Value: "c"}}, h)
	c := h.Clone()
	c[0].Value = "changed"
	require.Equal(t, "c", h.Get("Link"))
}

func TestFault(t *testing.T) {
	cause := errors.New("no route")
	err := error(&fetchshim.Fault{Kind: fetchshim.Network, URL: "https://r.example/v2/", Err: cause})
	require.EqualError(t, err, "https://r.example/v2/: no route")
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, context.Canceled)

	bare := &fetchshim.Fault{Kind: fetchshim.Cancelled, URL: "https://r.example/v2/"}
	require.EqualError(t, bare, "https://r.example/v2/: cancelled")
	for _, err := range []error{bare, &fetchshim.Fault{Kind: fetchshim.Cancelled, Err: cause},
		&fetchshim.Fault{Kind: fetchshim.Cancelled, Err: context.Canceled}} {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestBodies(t *testing.T) {
	opens := 0
	f := fetchshim.BodyFunc{Size: -1, From: func(ctx context.Context) (io.ReadCloser, error) {
		opens++
		return fetchshim.Bytes("abc").Open(ctx)
	}}
	require.Equal(t, int64(-1), f.Len())
	require.Equal(t, int64(3), fetchshim.Bytes("abc").Len())
	for range 2 {
		rc, err := f.Open(t.Context())
		require.NoError(t, err)
		b, err := io.ReadAll(rc)
		require.NoError(t, err)
		require.NoError(t, rc.Close())
		require.Equal(t, "abc", string(b))
	}
	require.Equal(t, 2, opens)
}

func TestUploadOf(t *testing.T) {
	f := fetchshim.Func(func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) { return nil, nil })
	require.Equal(t, fetchshim.UploadStream, fetchshim.UploadOf(f))
	require.Equal(t, fetchshim.UploadBlob, fetchshim.UploadOf(limited{f}))
}

type limited struct{ fetchshim.Fetcher }

func (limited) Upload() fetchshim.Upload { return fetchshim.UploadBlob }
