package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// headPatience is how long a response may take to begin at least: a registry hashes a whole blob before it answers the PUT
// that closes an upload.
const headPatience = 5 * time.Minute

// idle is a Fetcher that gives up on a request when no byte has moved for limit, for hosts that would wait for ever. There
// is no limit on a whole transfer, nor on what the caller does between two Reads.
type idle struct {
	fetchshim.Fetcher
	clock clock.Clock
	limit time.Duration
}

// Upload implements [fetchshim.Uploader].
func (f idle) Upload() fetchshim.Upload { return fetchshim.UploadOf(f.Fetcher) }

// Fetch implements [fetchshim.Fetcher].
func (f idle) Fetch(parent context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	ctx, cancel := context.WithCancelCause(parent)
	w := &watch{clock: f.clock, every: f.limit, url: req.URL, parent: parent, cancel: cancel}
	w.arm(max(f.limit, headPatience))
	go w.run(ctx)
	if body := req.Body; body != nil {
		r := *req
		r.Body = fetchshim.BodyFunc{Size: body.Len(), From: func(ctx context.Context) (io.ReadCloser, error) {
			rc, err := body.Open(ctx)
			return &sending{ReadCloser: rc, w: w, limit: f.limit}, err
		}}
		req = &r
	}
	resp, err := f.Fetcher.Fetch(ctx, req)
	if err != nil {
		err = w.explain(err)
		cancel(nil)
		return nil, err
	}
	w.disarm()
	resp.Body = &receiving{ReadCloser: resp.Body, w: w, limit: f.limit}
	return resp, nil
}

// watch ends a request that waits for too long.
type watch struct {
	clock  clock.Clock
	every  time.Duration // how often it looks at least
	url    string
	parent context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	until time.Time // zero: nothing is waited for
	limit time.Duration
	over  bool // it was given up, whatever comes yet
}

var errIdle = errors.New("no byte moved for too long") // a cause that nobody sees

func (w *watch) arm(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until, w.limit = w.clock.Now().Add(limit), limit
}

func (w *watch) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Time{}
}

// run looks once in a while, so that a Read costs no timer.
func (w *watch) run(ctx context.Context) {
	for {
		wait, over := w.look()
		if over {
			w.cancel(errIdle)
			return
		}
		if w.clock.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// look says how long to sleep before the next look, or that it is over: then it stays so, also where a byte comes at that moment.
func (w *watch) look() (wait time.Duration, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.until.IsZero() {
		return w.every, false
	}
	left := w.until.Sub(w.clock.Now())
	w.over = left <= 0
	return min(w.every, left), w.over
}

// explain makes a timeout of what the watch ended.
func (w *watch) explain(err error) error {
	w.mu.Lock()
	over, limit := w.over, w.limit
	w.mu.Unlock()
	if !over || w.parent.Err() != nil {
		return err
	}
	return &fetchshim.Fault{Kind: fetchshim.Timeout, URL: w.url, Err: fmt.Errorf("no byte for %s", limit)}
}

// receiving is a response body; it is watched while a Read waits.
type receiving struct {
	io.ReadCloser
	w     *watch
	limit time.Duration
}

func (r *receiving) Read(p []byte) (int, error) {
	r.w.arm(r.limit)
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.w.explain(err)
	}
	r.w.disarm()
	return n, err
}

func (r *receiving) Close() error {
	err := r.ReadCloser.Close()
	r.w.cancel(nil)
	return err
}

// sending is a request body; between two Reads it is the network that is waited for, and after the last the answer.
type sending struct {
	io.ReadCloser
	w     *watch
	limit time.Duration
}

func (s *sending) Read(p []byte) (int, error) {
	s.w.disarm()
	n, err := s.ReadCloser.Read(p)
	if err != nil {
		s.w.arm(max(s.limit, headPatience))
	} else {
		s.w.arm(s.limit)
	}
	return n, err
}
