// Package fetchtest tests what uses a [fetchshim.Fetcher] and what implements one: a scripted [Fake], a [Recorder], and
// the [Suite] that every Fetcher passes. It stays free of net/http, so the suite runs inside a browser too.
package fetchtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Exchange is one request that a [Fake] expects and its answer.
type Exchange struct {
	Method, URL string           // what the request must be
	Sends       fetchshim.Header // lines the request must have
	SendsBody   []byte           // what its body must be; nil for any

	Status int // 0 means 200
	Header fetchshim.Header
	Body   []byte
	Err    error // returned instead of an answer
}

// Fake is a Fetcher that answers from a script, each exchange once and in order, then from Route. It is safe for
// concurrent use.
type Fake struct {
	Form  fetchshim.Upload                           // what Upload says; "" means UploadStream
	Route func(*fetchshim.Request) (Exchange, error) // for requests after the script; nil for none

	tb     testing.TB
	mu     sync.Mutex
	script []Exchange
}

// NewFake makes a Fake. A request out of the script fails tb, and so does a script not used up when the test ends.
func NewFake(tb testing.TB, script ...Exchange) *Fake {
	f := &Fake{tb: tb, script: script}
	tb.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, e := range f.script {
			tb.Errorf("never requested: %s %s", e.Method, e.URL)
		}
	})
	return f
}

// Upload implements [fetchshim.Uploader].
func (f *Fake) Upload() fetchshim.Upload {
	if f.Form == "" {
		return fetchshim.UploadStream
	}
	return f.Form
}

// Fetch answers with the next exchange. A request that differs from it fails the test and gets a Fault.
func (f *Fake) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	fault := func(kind fetchshim.FaultKind, err error) (*fetchshim.Response, error) {
		return nil, &fetchshim.Fault{Kind: kind, URL: req.URL, Err: err}
	}
	if ctx.Err() != nil {
		return fault(fetchshim.Cancelled, context.Cause(ctx))
	}
	e, err := f.take(req)
	if err == nil {
		err = e.check(ctx, req)
	}
	if err != nil {
		f.tb.Errorf("fake fetcher: %v", err)
		return fault(fetchshim.Network, err)
	}
	if e.Err != nil {
		return nil, e.Err
	}
	if e.Status == 0 {
		e.Status = 200
	}
	body := io.NopCloser(bytes.NewReader(e.Body))
	return &fetchshim.Response{Status: e.Status, URL: req.URL, Header: e.Header.Clone(), Body: body}, nil
}

func (f *Fake) take(req *fetchshim.Request) (Exchange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.script) > 0 {
		e := f.script[0]
		f.script = f.script[1:]
		return e, nil
	}
	if f.Route != nil {
		return f.Route(req)
	}
	return Exchange{}, fmt.Errorf("unexpected request %s %s", method(req), req.URL)
}

// check reads the request body even where nothing is expected of it, as a server would. A Route's exchange may leave
// Method and URL empty.
func (e Exchange) check(ctx context.Context, req *fetchshim.Request) error {
	if (e.Method != "" && e.Method != method(req)) || (e.URL != "" && e.URL != req.URL) {
		return fmt.Errorf("got %s %s, want %s %s", method(req), req.URL, e.Method, e.URL)
	}
	for _, want := range e.Sends {
		if got := req.Header.Get(want.Name); got != want.Value {
			return fmt.Errorf("%s %s: header %s is %q, want %q", method(req), req.URL, want.Name, got, want.Value)
		}
	}
	if req.Body == nil {
		if e.SendsBody != nil {
			return errors.New(req.URL + ": request has no body")
		}
		return nil
	}
	rc, err := req.Body.Open(ctx)
	if err != nil {
		return err
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	if err == nil && e.SendsBody != nil && !bytes.Equal(got, e.SendsBody) {
		err = fmt.Errorf("%s %s: body is %q, want %q", method(req), req.URL, got, e.SendsBody)
	}
	return err
}

func method(req *fetchshim.Request) string {
	if req.Method == "" {
		return "GET"
	}
	return req.Method
}
