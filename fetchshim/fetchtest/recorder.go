package fetchtest

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Noted is what a [Recorder] saw of one request.
type Noted struct {
	Method, URL string
	Header      fetchshim.Header
	Opens       int   // how often the request body was opened
	Sent        int64 // bytes read of it, all opens together
	Status      int   // of the answer; 0 where there was none
	Err         error
	Received    int64 // bytes read of the response body
	Closed      bool  // whether the response body was closed
}

// Recorder passes requests on and notes them in the order in which they began. It is safe for concurrent use.
type Recorder struct {
	Next fetchshim.Fetcher

	mu    sync.Mutex
	notes []*Noted
}

// Upload implements [fetchshim.Uploader] as Next does.
func (r *Recorder) Upload() fetchshim.Upload { return fetchshim.UploadOf(r.Next) }

// Requests returns what was noted so far.
func (r *Recorder) Requests() []Noted {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Noted, len(r.notes))
	for i, n := range r.notes {
		out[i] = *n
		out[i].Header = n.Header.Clone()
	}
	return out
}

// Lines returns "METHOD URL" for each request.
func (r *Recorder) Lines() []string {
	return slices.Collect(func(yield func(string) bool) {
		for _, n := range r.Requests() {
			if !yield(n.Method + " " + n.URL) {
				return
			}
		}
	})
}

// Fetch notes the request and calls Next.
func (r *Recorder) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	n := &Noted{Method: method(req), URL: req.URL, Header: req.Header.Clone()}
	r.note(func() { r.notes = append(r.notes, n) })
	sent := *req
	if req.Body != nil {
		sent.Body = fetchshim.BodyFunc{Size: req.Body.Len(), From: func(ctx context.Context) (io.ReadCloser, error) {
			r.note(func() { n.Opens++ })
			rc, err := req.Body.Open(ctx)
			if err != nil {
				return nil, err
			}
			return &counted{ReadCloser: rc, read: func(k int) { r.note(func() { n.Sent += int64(k) }) }, closed: func() {}}, nil
		}}
	}
	res, err := r.Next.Fetch(ctx, &sent)
	if err != nil {
		r.note(func() { n.Err = err })
		return nil, err
	}
	r.note(func() { n.Status = res.Status })
	seen := *res
	seen.Body = &counted{
		ReadCloser: res.Body,
		read:       func(k int) { r.note(func() { n.Received += int64(k) }) },
		closed:     func() { r.note(func() { n.Closed = true }) },
	}
	return &seen, nil
}

func (r *Recorder) note(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

type counted struct {
	io.ReadCloser
	read   func(int)
	closed func()
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read(n)
	return n, err
}

func (c *counted) Close() error {
	c.closed()
	return c.ReadCloser.Close()
}
