package archive

import (
	"io"
	"io/fs"
	"sync"
)

// cursor makes an io.ReaderAt of a stream that can only be started anew: it reads on where it is, skips forward, and
// starts again to go back. Reading in order costs one pass.
type cursor struct {
	start func() (io.ReadCloser, error)

	mu     sync.Mutex
	stream io.ReadCloser // nil before the first read
	at     int64
	closed bool
}

func (c *cursor) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.seek(off); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(c.stream, p)
	c.at += int64(n)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

func (c *cursor) seek(off int64) error {
	switch {
	case c.closed:
		return fs.ErrClosed
	case off < 0:
		return fs.ErrInvalid
	case c.stream == nil || off < c.at:
		if err := c.stop(); err != nil {
			return err
		}
		s, err := c.start()
		if err != nil {
			return err
		}
		c.stream, c.at = s, 0
	}
	n, err := io.CopyN(io.Discard, c.stream, off-c.at)
	c.at += n
	return err
}

func (c *cursor) stop() error {
	if c.stream == nil {
		return nil
	}
	s := c.stream
	c.stream = nil
	return s.Close()
}

// Close ends the stream.
func (c *cursor) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.stop()
}
