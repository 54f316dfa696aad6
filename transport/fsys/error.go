package fsys

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Kinded gives a file system's error a kind and a subject: not_found (also below what is no directory), denied, input for
// what is not a regular file (or not a directory), a name that may not be used or a path of too many links, unsupported; an
// error that has a kind keeps it. A nil err stays nil.
func Kinded(subject string, err error) error {
	var e *errs.Error
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path == subject {
		err = pe.Err // the subject says which path
	}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return errs.Wrap(subject, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return &errs.Error{Kind: errs.NotFound, Subject: subject, Err: err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &errs.Error{Kind: errs.Denied, Subject: subject, Err: err}
	case errors.Is(err, fs.ErrInvalid), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.EISDIR):
		return &errs.Error{Kind: errs.Input, Subject: subject, Err: err}
	case errors.Is(err, errors.ErrUnsupported):
		return &errs.Error{Kind: errs.Unsupported, Subject: subject, Err: err}
	}
	return errs.Wrap(subject, err)
}
