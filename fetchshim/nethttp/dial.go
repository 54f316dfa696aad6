package nethttp

import (
	"context"
	"io"
	"net"
	"time"
)

// piece is how many bytes of a request body are written at a time.
const piece = 256 << 10

var dialer = net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

// conn takes request bodies in large pieces. By itself net/http copies 32 KiB at a time to a connection without TLS, with a
// system call for each.
type conn struct{ net.Conn }

// ReadFrom implements [io.ReaderFrom], which is what net/http looks for.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{c.Conn}, struct{ io.Reader }{r}, make([]byte, piece))
}
