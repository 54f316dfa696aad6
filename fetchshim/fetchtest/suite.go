package fetchtest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Options tell the suite what a platform cannot do and how much the test may ask of it. The zero value asks all.
type Options struct {
	// Joins: the platform makes one line of a repeated header, as the Headers of WHATWG Fetch do.
	Joins bool
	// Hides are response headers the platform keeps from the caller (CORS); they are not looked for.
	Hides []string
	// NoManual: the platform cannot show a redirect; asking for one must be a Fault of kind Unsupported.
	NoManual bool
	// Decodes: the platform undoes Content-Encoding by itself; the Fetcher then drops Content-Encoding and Content-Length.
	Decodes bool
	// Chunks: the platform sends a streamed body without Content-Length even where its length is known.
	Chunks bool
	// Ahead is how many bytes may be sent to a reader that does not read; 0 means 16 MiB, which is what the socket buffers of
	// one loopback connection may hold. A Fetcher made of frames gives two frames, and Sent.
	Ahead int64
	// Sent counts the response body bytes handed to the Fetcher so far; nil asks the test server what it wrote.
	Sent func() int64
	// Large is the size of the large response in bytes; 0 means 1 GiB.
	Large int64
	// Grace is how soon a cancel must have reached the server; 0 means one second.
	Grace time.Duration
}

// Suite runs what every Fetcher must pass. open makes the Fetcher under test, which may be the same one each time.
func Suite(t *testing.T, s Server, o Options, open func(t *testing.T) fetchshim.Fetcher) {
	if o.Ahead == 0 {
		o.Ahead = 16 << 20
	}
	if o.Large == 0 {
		o.Large = 1 << 30
	}
	if o.Grace == 0 {
		o.Grace = time.Second
	}
	pattern := NewPattern()
	for _, c := range []struct {
		name string
		run  func(*suite)
	}{
		{"request arrives intact", (*suite).requestIntact},
		{"empty body", (*suite).emptyBody},
		{"status is not an error", (*suite).statuses},
		{"repeated headers survive", (*suite).repeatedHeaders},
		{"HEAD keeps Content-Length", (*suite).head},
		{"content encoding", (*suite).encoding},
		{"redirect to the same origin keeps credentials", (*suite).sameOrigin},
		{"redirect to another origin drops credentials", (*suite).otherOrigin},
		{"redirect 303 becomes GET", (*suite).seeOther},
		{"redirect 307 opens the body again", (*suite).reopened},
		{"redirect 307 of a streamed body", (*suite).reopenedStream},
		{"redirect shown as it is", (*suite).manual},
		{"redirect loop ends", (*suite).loop},
		{"back-pressure", (*suite).backPressure},
		{"large response in constant memory", (*suite).large},
		{"cancelled before", (*suite).cancelledBefore},
		{"cancel while waiting for the head", (*suite).cancelHead},
		{"cancel in the middle of a body", (*suite).cancelBody},
		{"cancel while Read waits", (*suite).cancelRead},
		{"close in the middle of a body", (*suite).closeBody},
		{"deadline is a timeout", (*suite).deadline},
		{"connection refused", (*suite).refused},
		{"truncated body", (*suite).truncated},
		{"upload of known length", (*suite).uploadSized},
		{"upload of unknown length", (*suite).uploadUnknown},
		{"upload makes progress behind a pipe", (*suite).uploadPipe},
		{"upload whose source fails", (*suite).uploadFails},
		{"concurrent", (*suite).concurrent},
		{"leaves nothing running", (*suite).leaves},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			c.run(&suite{T: t, ctx: ctx, f: open(t), s: s, o: o, pattern: pattern})
		})
	}
}

// suite is one test of the suite.
type suite struct {
	*testing.T
	ctx     context.Context
	f       fetchshim.Fetcher
	s       Server
	o       Options
	pattern Pattern
}

// fetch fails the test when there is no response.
func (s *suite) fetch(req *fetchshim.Request) *fetchshim.Response {
	s.Helper()
	res, err := s.f.Fetch(s.ctx, req)
	if err != nil {
		s.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	s.Cleanup(func() { res.Body.Close() })
	return res
}

// wantFault checks that err is a Fault of one of the kinds.
func (s *suite) wantFault(err error, kinds ...fetchshim.FaultKind) {
	s.Helper()
	var fault *fetchshim.Fault
	if !errors.As(err, &fault) {
		s.Fatalf("error is %v, want a Fault of kind %v", err, kinds)
	}
	for _, k := range kinds {
		if fault.Kind == k {
			return
		}
	}
	s.Fatalf("fault is of kind %s (%v), want %v", fault.Kind, err, kinds)
}

func (s *suite) wantCancelled(err error) {
	s.Helper()
	s.wantFault(err, fetchshim.Cancelled)
	if !errors.Is(err, context.Canceled) {
		s.Fatalf("error %v does not match context.Canceled", err)
	}
}

// echo sends req and decodes the answer.
func (s *suite) echo(req *fetchshim.Request) (Echo, *fetchshim.Response) {
	s.Helper()
	res := s.fetch(req)
	var e Echo
	s.decode(res, &e)
	return e, res
}

func (s *suite) decode(res *fetchshim.Response, to any) {
	s.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatalf("%s: %v", res.URL, err)
	}
	if res.Status != 200 {
		s.Fatalf("%s: status %d: %s", res.URL, res.Status, b)
	}
	if err := json.Unmarshal(b, to); err != nil {
		s.Fatalf("%s: %v in %q", res.URL, err, b)
	}
	res.Body.Close()
}

// id names this test's requests for the control API.
func (s *suite) id() string { return strconv.FormatInt(time.Now().UnixNano(), 36) }

func (s *suite) state(id string) State {
	s.Helper()
	st, err := s.query(id)
	if err != nil {
		s.Fatal(err)
	}
	return st
}

// query is state for a goroutine other than the test's own.
func (s *suite) query(id string) (st State, err error) {
	res, err := s.f.Fetch(s.ctx, &fetchshim.Request{URL: s.s.A + "/control/state?id=" + id})
	if err != nil {
		return st, err
	}
	defer res.Body.Close()
	return st, json.NewDecoder(res.Body).Decode(&st)
}

// until polls the state of id, and fails the test when ok does not hold in time.
func (s *suite) until(id, what string, limit time.Duration, ok func(State) bool) State {
	s.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		st := s.state(id)
		if ok(st) {
			return st
		}
		if time.Since(start) > limit {
			s.Fatalf("%s: not within %s; the server's state is %+v", what, limit, st)
		}
	}
}

// body is a request body of the pattern that counts how often it is opened.
func (s *suite) body(size int64, known bool, opens *int) fetchshim.Body {
	b := fetchshim.BodyFunc{Size: size, From: func(context.Context) (io.ReadCloser, error) {
		*opens++
		return io.NopCloser(s.pattern.Reader(size)), nil
	}}
	if !known {
		b.Size = -1
	}
	return b
}
