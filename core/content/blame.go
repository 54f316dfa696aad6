package content

import "errors"

// sourceError is a failure of what is copied, wherever in the error of a [Sink].
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// AtSource marks an error that a [Sink] meets as one of the blob that it was given, and not of its own endpoint. A nil err stays nil.
func AtSource(err error) error {
	if err == nil {
		return nil
	}
	return &sourceError{err}
}

// Blame is err without what a sink says of where it was writing to, where the blob is what failed.
func Blame(err error) error {
	var e *sourceError
	if errors.As(err, &e) {
		return e.err
	}
	return err
}
