package fetchshim

import (
	"context"
	"errors"
)

// FaultKind says why a request got no response.
type FaultKind string

const (
	// Network: the peer could not be reached or broke off.
	Network FaultKind = "network"
	// Timeout: the peer did not answer in time.
	Timeout FaultKind = "timeout"
	// Refused: the host's policy does not allow this URL.
	Refused FaultKind = "refused"
	// Unsupported: this host cannot send such a request or show such a response (CORS, a streamed upload).
	Unsupported FaultKind = "unsupported"
	// Cancelled: the context ended.
	Cancelled FaultKind = "cancelled"
)

// Fault is the error of a request that got no response, or whose response body broke off.
type Fault struct {
	Kind FaultKind
	URL  string
	Err  error
}

// Error names the URL and the cause.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.URL + ": " + string(f.Kind)
	}
	return f.URL + ": " + f.Err.Error()
}

// Unwrap returns the cause; a Fault of kind Cancelled also matches context.Canceled.
func (f *Fault) Unwrap() []error {
	errs := []error{}
	if f.Err != nil {
		errs = append(errs, f.Err)
	}
	if f.Kind == Cancelled && !errors.Is(f.Err, context.Canceled) {
		errs = append(errs, context.Canceled)
	}
	return errs
}
