package registry

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// whole is a blob whose reader tells its end with the last bytes, as the body of a response does.
type whole []byte

func (b whole) Descriptor() v1.Descriptor {
	return v1.Descriptor{Digest: digest.FromBytes(b), Size: int64(len(b))}
}

func (b whole) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(ended{bytes.NewReader(b)}), nil
}

type ended struct{ *bytes.Reader }

func (e ended) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if e.Len() == 0 {
		err = io.EOF
	}
	return n, err
}

// TestReadAfterTheEnd reads a body as net/http does: it looks whether more comes than the length says.
func TestReadAfterTheEnd(t *testing.T) {
	s := &source{ctx: t.Context(), b: whole("content"), yield: func() {}}
	body, err := s.part(0, 7).Open(t.Context())
	require.NoError(t, err)
	p := make([]byte, 7)
	n, err := io.ReadFull(body, p)
	require.NoError(t, err)
	require.Equal(t, "content", string(p[:n]))
	for range 2 {
		n, err = body.Read(p)
		require.Zero(t, n)
		require.Equal(t, io.EOF, err)
	}
	s.close()
	_, err = body.Read(p)
	require.Error(t, err, "closed")
}
