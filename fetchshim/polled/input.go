package polled

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Input is a file or directory that the host named for a call. Its opener closes it.
type Input struct {
	Dir     bool
	Size    int64 // bytes of a file
	Entries []frame.Entry

	link *Link
	c    *conversation
	ctx  context.Context
	mu   sync.Mutex // one pread at a time: answers carry no offset
}

// Open asks the host for an input by name. It wraps fs.ErrNotExist when the host has none of that name. Reads fail once
// ctx has ended.
func (l *Link) Open(ctx context.Context, call uint32, name string) (*Input, error) {
	c := l.start()
	l.Send(&frame.Header{Type: frame.Open, Call: call, ID: c.id, Name: name}, nil)
	m, err := c.receive(ctx)
	if err != nil {
		l.end(c)
		return nil, err
	}
	switch m.head.Type {
	case frame.Opened:
		return &Input{Dir: m.head.Kind == "dir", Size: m.head.Size, Entries: m.head.Entries, link: l, c: c, ctx: ctx}, nil
	case frame.Fault:
		l.forget(c)
		return nil, fmt.Errorf("%w: %s", cause(m.head.Kind), m.head.Text)
	}
	l.end(c)
	return nil, fmt.Errorf("the host answered open with %s", m.head.Type)
}

func cause(kind string) error {
	switch kind {
	case "not_found":
		return fs.ErrNotExist
	case "refused":
		return fs.ErrPermission
	case "unsupported":
		return errors.ErrUnsupported
	}
	return errors.New(kind)
}

// ReadAt reads at an offset in bytes, in pieces of at most [frame.MaxPayload].
func (in *Input) ReadAt(p []byte, off int64) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if off < 0 {
		return 0, fs.ErrInvalid
	}
	n := 0
	for n < len(p) {
		if off+int64(n) >= in.Size {
			return n, io.EOF
		}
		got, err := in.read(p[n:], off+int64(n))
		n += got
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (in *Input) read(p []byte, off int64) (int, error) {
	in.link.Send(&frame.Header{Type: frame.Pread, ID: in.c.id, Off: off, Max: min(len(p), frame.MaxPayload)}, nil)
	m, err := in.c.receive(in.ctx)
	switch {
	case err != nil:
		return 0, err
	case m.head.Type == frame.Fault:
		return 0, fmt.Errorf("%w: %s", cause(m.head.Kind), m.head.Text)
	case m.head.Type != frame.Data:
		return 0, fmt.Errorf("the host answered pread with %s", m.head.Type)
	case len(m.payload) == 0:
		return 0, io.ErrUnexpectedEOF // the size it gave was too large
	}
	return copy(p, m.payload), nil
}

// Close tells the host that the input is done with.
func (in *Input) Close() error {
	in.link.end(in.c)
	return nil
}

// Secret is what the host has for a registry; all fields empty means anonymous.
type Secret struct{ Username, Password, Token string }

// Credential asks the host who the user is for a registry.
func (l *Link) Credential(ctx context.Context, call uint32, registry string) (Secret, error) {
	c := l.start()
	l.Send(&frame.Header{Type: frame.Credential, Call: call, ID: c.id, Registry: registry}, nil)
	m, err := c.receive(ctx)
	if err != nil {
		l.end(c)
		return Secret{}, err
	}
	l.forget(c)
	switch m.head.Type {
	case frame.Credential:
		return Secret{m.head.Username, m.head.Password, m.head.Token}, nil
	case frame.Fault:
		return Secret{}, errors.New(m.head.Text)
	}
	return Secret{}, fmt.Errorf("the host answered credential with %s", m.head.Type)
}
