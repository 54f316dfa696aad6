package nethttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// errSent is what a second Open of a served request's body returns.
var errSent = errors.New("the request body has been read and cannot be read again")

// Handler serves f over net/http, streaming both ways. f sees the absolute URL with the path as it was escaped, a body
// that opens once, a context that ends when the client goes, and [fetchshim.Manual]: a redirect is the client's to follow.
// An error of f is answered 502 (Network), 504 (Timeout), 403 (Refused), 501 (Unsupported) or 500, without its text, which
// may name what a client must not know; one after the head breaks the connection, so no client takes it for the end.
func Handler(f fetchshim.Fetcher) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctl := http.NewResponseController(w)
		ctl.EnableFullDuplex() // HTTP/1 only; elsewhere it is so already
		req, left := served(r)
		defer left()
		res, err := f.Fetch(r.Context(), req)
		if err != nil {
			fail(w, r, err)
			return
		}
		defer res.Body.Close()
		head(w.Header(), res.Header)
		w.WriteHeader(res.Status)
		if r.Method == http.MethodHead {
			return
		}
		if err := pump(w, ctl, res.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
}

// served is the request for a Fetcher, and a function that reads what it left of the body.
func served(r *http.Request) (req *fetchshim.Request, left func()) {
	u := *r.URL
	u.Scheme, u.Host, u.User = "http", r.Host, nil
	if r.TLS != nil {
		u.Scheme = "https"
	}
	req = &fetchshim.Request{Method: r.Method, URL: u.String(), Header: fromHTTP(r.Header), Redirect: fetchshim.Manual}
	if r.Body == nil || r.ContentLength == 0 {
		return req, func() {}
	}
	body := &oneShot{len: r.ContentLength, body: r.Body}
	req.Body = body
	return req, body.drain
}

// head copies a response's header without the fields that belong to one connection (RFC 9110 section 7.6.1,
// https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1).
func head(to http.Header, from fetchshim.Header) {
	hop := []string{"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
	for _, value := range from.Values("Connection") {
		for name := range strings.SplitSeq(value, ",") {
			hop = append(hop, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	for _, f := range from {
		if !slices.Contains(hop, strings.ToLower(f.Name)) {
			to.Add(f.Name, f.Value)
		}
	}
}

// pump flushes after each Read, so that a client sees bytes when the Fetcher has them.
func pump(w io.Writer, ctl *http.ResponseController, body io.Reader) error {
	buf := make([]byte, 64<<10)
	if err := ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return werr
			}
			if ferr := ctl.Flush(); ferr != nil && !errors.Is(ferr, http.ErrNotSupported) {
				return ferr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is left to answer
	}
	status := http.StatusInternalServerError
	var fault *fetchshim.Fault
	if errors.As(err, &fault) {
		switch fault.Kind {
		case fetchshim.Network:
			status = http.StatusBadGateway
		case fetchshim.Timeout:
			status = http.StatusGatewayTimeout
		case fetchshim.Refused:
			status = http.StatusForbidden
		case fetchshim.Unsupported:
			status = http.StatusNotImplemented
		}
	}
	http.Error(w, http.StatusText(status), status)
}

// oneShot is the body of a served request, which only the client could send again.
type oneShot struct {
	len    int64
	body   io.ReadCloser
	read   atomic.Int64
	opened atomic.Bool
}

func (o *oneShot) Len() int64 { return o.len }

func (o *oneShot) Open(context.Context) (io.ReadCloser, error) {
	if o.opened.Swap(true) {
		return nil, errSent
	}
	return o, nil
}

func (o *oneShot) Read(p []byte) (int, error) {
	n, err := o.body.Read(p)
	o.read.Add(int64(n))
	return n, err
}

func (o *oneShot) Close() error { return o.body.Close() }

// maxDrain is how much of a body net/http reads by itself, in bytes, to use a connection again.
const maxDrain = 256 << 10

// drain reads a short rest of the body. net/http would do it when the handler is done, but then, with full duplex, starts to
// watch the connection at the end of the body and to read the next request at the same time, and panics. A long rest it does
// not read, but closes the connection.
func (o *oneShot) drain() {
	if o.len >= 0 && o.len-o.read.Load() > maxDrain {
		return
	}
	if _, err := io.CopyN(io.Discard, o.body, maxDrain+1); err == nil {
		panic(http.ErrAbortHandler)
	}
}
