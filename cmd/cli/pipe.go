package cli

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// ErrClosed is what writing to an output gives whose reader has gone away; the command then ends quietly.
var ErrClosed = errors.New("output closed")

// Errors of WriteFile on Windows for a pipe without a reader, ERROR_BROKEN_PIPE and ERROR_NO_DATA; syscall names EPIPE
// everywhere, but Windows never returns it.
const (
	windowsBrokenPipe = syscall.Errno(109)
	windowsNoData     = syscall.Errno(232)
)

// whole is an output that has to be read to its end: a reader that goes away is a failure.
type whole struct{ w io.Writer }

func (o whole) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if errors.Is(err, ErrClosed) {
		err = errs.New(errs.Internal, "standard output", "was not read to its end")
	}
	return n, err
}

// Pipe makes an output whose writes fail with ErrClosed once nobody reads it. Other errors, as that of a full disk, stay
// what they are. A program on Unix has to ignore SIGPIPE for this.
func Pipe(w io.Writer) io.Writer { return pipe{w} }

type pipe struct{ w io.Writer }

func (p pipe) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if err == nil {
		return n, nil
	}
	for _, gone := range []error{syscall.EPIPE, windowsBrokenPipe, windowsNoData} {
		if errors.Is(err, gone) {
			return n, fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
	return n, err
}
