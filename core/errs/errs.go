// Package errs holds the error kinds of Stevedore: each has a wire code (JSON, the reactor) and an exit status (the
// command line). Every error that reaches a user names its kind, its subject and what was wrong.
package errs

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind is the class of an error and its wire code.
type Kind string

// The kinds, by exit status.
const (
	Internal     Kind = "internal"     // 1: anything unforeseen
	Input        Kind = "input"        // 2: wrong usage or malformed reference, flag, file, request
	NotFound     Kind = "not_found"    // 3: no such image, tag, platform, file
	Unauthorized Kind = "unauthorized" // 4: who you are
	Denied       Kind = "denied"       // 4: what you may do
	Verification Kind = "verification" // 5: digest or size mismatch, signature or policy refused
	Network      Kind = "network"      // 6: could not reach it
	RateLimited  Kind = "rate_limited" // 6: was told to wait
	Unsupported  Kind = "unsupported"  // 7: this endpoint or this host cannot do that
	Partial      Kind = "partial"      // 8: some jobs of many failed
	Differs      Kind = "differs"      // 9: a comparison found a difference
	Cancelled    Kind = "cancelled"    // 130: interrupted, or cancelled by the host
)

// Exit is the exit status of the kind; an unknown kind is 1.
func (k Kind) Exit() int {
	switch k {
	case Input:
		return 2
	case NotFound:
		return 3
	case Unauthorized, Denied:
		return 4
	case Verification:
		return 5
	case Network, RateLimited:
		return 6
	case Unsupported:
		return 7
	case Partial:
		return 8
	case Differs:
		return 9
	case Cancelled:
		return 130
	}
	return 1
}

// Error is an error with a kind and a subject.
type Error struct {
	Kind    Kind
	Subject string // what it is about: a reference, a digest, a path; may be empty
	Err     error  // what was wrong
	Hint    string // what to do about it; may be empty
}

// Error is "subject: message", with the subjects of what was wrapped in between, each of them named once; the kind is told by the
// exit status and the wire code.
func (e *Error) Error() string {
	text := ""
	for at := e; ; {
		if at.Subject != "" && !e.names(at) {
			text += at.Subject + ": "
		}
		next, ok := at.Err.(*Error)
		if !ok {
			return text + at.Err.Error()
		}
		at = next
	}
}

// names reports whether another error of the chain tells the subject of one: one before it, or with more words one after it.
func (e *Error) names(one *Error) bool {
	before := true
	for x := e; x != nil; x, _ = x.Err.(*Error) {
		if x == one {
			before = false
		} else if (before || x.Subject != one.Subject) && tells(x.Subject, one.Subject) {
			return true
		}
	}
	return false
}

// tells reports whether who reads one subject has read another: "layer sha256:1" tells "sha256:1", and "oci:a:v1" tells "oci:a".
func tells(longer, subject string) bool {
	if !strings.HasPrefix(longer, subject) {
		return strings.HasSuffix(longer, " "+subject)
	}
	return len(longer) == len(subject) || strings.IndexByte(":@/", longer[len(subject)]) >= 0
}

// Unwrap returns what was wrong.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind about a subject.
func New(kind Kind, subject, format string, args ...any) *Error {
	return &Error{Kind: kind, Subject: subject, Err: fmt.Errorf(format, args...)}
}

// Hinted returns a copy of e that says what to do.
func (e *Error) Hinted(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Wrap puts err under a subject, unless it is about that already, and keeps its kind and hint. A nil err stays nil.
func Wrap(subject string, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) && e.Subject == subject {
		return err
	}
	return &Error{Kind: Of(err), Subject: subject, Err: err, Hint: HintOf(err)}
}

// Of is the kind of err: that of the outermost [Error] in it, Cancelled for a cancelled context, Network for one that
// ran out of time, else Internal. A nil err has the kind "".
func Of(err error) Kind {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded):
		return Network
	}
	return Internal
}

// HintOf is the first hint in err, or "".
func HintOf(err error) string {
	for {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
}

// Wire is the JSON form of an error, the same on every front end.
type Wire struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// WireOf is the JSON form of err.
func WireOf(err error) Wire {
	return Wire{Kind: Of(err), Message: err.Error(), Hint: HintOf(err)}
}
