package polled

import (
	"context"
	"errors"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Fetcher returns the Fetcher of one call of a verb, so that the host can apply a policy per call. upload is what the
// host said of itself.
func (l *Link) Fetcher(call uint32, upload fetchshim.Upload) fetchshim.Fetcher {
	return &fetcher{l, call, upload}
}

type fetcher struct {
	link   *Link
	call   uint32
	upload fetchshim.Upload
}

// Upload implements [fetchshim.Uploader].
func (f *fetcher) Upload() fetchshim.Upload { return f.upload }

// Fetch implements [fetchshim.Fetcher]. An error of the request's own body is no Fault: it comes back wrapped.
func (f *fetcher) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx, req.URL)
	}
	if req.Body != nil && req.Body.Len() < 0 && f.upload == fetchshim.UploadSized {
		err := errors.New("this host sends no body of unknown length")
		return nil, &fetchshim.Fault{Kind: fetchshim.Unsupported, URL: req.URL, Err: err}
	}
	head := &frame.Header{Type: frame.Fetch, Call: f.call, Method: req.Method, URL: req.URL, Redirect: "follow"}
	if head.Method == "" {
		head.Method = "GET"
	}
	if req.Redirect == fetchshim.Manual {
		head.Redirect = "manual"
	}
	for _, l := range req.Header {
		head.Header = append(head.Header, [2]string{l.Name, l.Value})
	}
	if req.Body == nil {
		return begin(ctx, f.link, head).head()
	}
	head.Body = &frame.BodyInfo{Kind: "stream", Len: req.Body.Len()}
	if n := head.Body.Len; n >= 0 && n <= frame.MaxPayload {
		head.Body.Kind = "bytes"
	}
	x := begin(ctx, f.link, head)
	x.up = &upload{x: x, body: req.Body, ready: make(chan struct{}, 1), again: make(chan struct{}, 1)}
	go x.up.run()
	return x.head()
}

// ended is the Fault of a request whose context has ended.
func ended(ctx context.Context, url string) *fetchshim.Fault {
	f := &fetchshim.Fault{Kind: fetchshim.Cancelled, URL: url, Err: context.Cause(ctx)}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.Kind = fetchshim.Timeout
	}
	return f
}

// faultOf is the Fault that a frame tells of; a kind that is not in the contract is taken for network.
func faultOf(h *frame.Header, url string) *fetchshim.Fault {
	f := &fetchshim.Fault{Kind: fetchshim.FaultKind(h.Kind), URL: url, Err: errors.New(h.Text)}
	switch f.Kind {
	case fetchshim.Network, fetchshim.Timeout, fetchshim.Refused, fetchshim.Unsupported, fetchshim.Cancelled:
	default:
		f.Kind = fetchshim.Network
	}
	return f
}
