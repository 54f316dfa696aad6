package cli

import (
	"bytes"
	"io"

	"github.com/stevedore-oci/stevedore/core/event"
)

// Progress shows on a terminal what a command does while it does it. It is safe for concurrent use.
type Progress interface {
	Show(event.Event)
	// Above prints whole lines above what is shown; they are meant for w, which is the same terminal.
	Above(w io.Writer, lines []byte) (int, error)
	// Stop removes what is shown; afterwards Show does nothing and Above writes to w.
	Stop()
}

// above is standard output while progress is shown on the same terminal: it hands on whole lines.
type above struct {
	p    Progress
	w    io.Writer
	part []byte // of a line
}

func (a *above) Write(b []byte) (int, error) {
	end := bytes.LastIndexByte(b, '\n') + 1
	if end > 0 {
		if _, err := a.p.Above(a.w, append(a.part, b[:end]...)); err != nil {
			return 0, err
		}
		a.part = nil
	}
	a.part = append(a.part, b[end:]...)
	return len(b), nil
}

// silent shows nothing.
type silent struct{}

func (silent) Show(event.Event)                             {}
func (silent) Above(w io.Writer, lines []byte) (int, error) { return w.Write(lines) }
func (silent) Stop()                                        {}
