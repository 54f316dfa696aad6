//go:build js

package jsfetch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// DefaultMaxBlob is the MaxBlob that an Options of zero means, in bytes.
const DefaultMaxBlob = 64 << 20

// replayable is the size in bytes up to which a body of known length is sent from memory even where the host streams: the
// host can then send it again by itself, after a redirect or on a connection that had just closed.
const replayable = 1 << 20

// Options configure a [Fetcher]. The zero value is ready to use.
type Options struct {
	// Upload is the form of request bodies; "" means what the host can do.
	Upload fetchshim.Upload
	// MaxBlob is how many bytes of a request body are held in memory; a longer body is a Fault of kind Unsupported. 0 means
	// DefaultMaxBlob. It does not bound bodies that are streamed.
	MaxBlob int64
	// Fetch is what takes the place of the global fetch: a function of its arguments that promises what has a Response's
	// type, status, url, headers and body. Undefined means the global one. An error it rejects with may name the kind of the
	// Fault that it becomes in a member kind.
	Fetch js.Value
}

// Fetcher sends requests with the host's fetch, without cookies of its host (credentials "omit"). It is safe for
// concurrent use.
type Fetcher struct {
	upload  fetchshim.Upload
	maxBlob int64
	fetch   js.Value
}

// New asks the host what it can do; it sends nothing.
func New(o Options) *Fetcher {
	if o.Upload == "" {
		o.Upload = uploads()
	}
	if o.MaxBlob == 0 {
		o.MaxBlob = DefaultMaxBlob
	}
	if o.Fetch.IsUndefined() {
		o.Fetch = js.Global().Get("fetch")
	}
	return &Fetcher{upload: o.Upload, maxBlob: o.MaxBlob, fetch: o.Fetch}
}

// Upload implements [fetchshim.Uploader].
func (f *Fetcher) Upload() fetchshim.Upload { return f.upload }

// Fetch implements [fetchshim.Fetcher]. A deadline of ctx is a Fault of kind Timeout, any other end of it one of kind
// Cancelled. An error of the request's own body is no Fault: it comes back wrapped, as that body gave it.
func (f *Fetcher) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	c := &call{ctx: ctx, url: req.URL}
	if ctx.Err() != nil {
		return nil, c.fault(nil)
	}
	h := hop{url: req.URL, method: req.Method, header: req.Header, body: req.Body}
	if h.method == "" {
		h.method = "GET"
	}
	if req.Body == nil || !f.streams(req.Body) {
		return f.send(c, h, mode(req.Redirect), req.Redirect)
	}
	// A host does not follow a redirect with a body that it cannot read again; hosts that stream show redirects, so
	// following them is possible here.
	for range fetchshim.MaxRedirects + 1 {
		res, err := f.send(c, h, "manual", req.Redirect)
		if err != nil || req.Redirect == fetchshim.Manual {
			return res, err
		}
		to, again, err := h.next(res)
		if err != nil {
			res.Body.Close()
			return nil, c.fault(err)
		}
		if !again {
			return res, nil
		}
		res.Body.Close()
		h, c = to, &call{ctx: ctx, url: req.URL}
	}
	return nil, c.fault(fmt.Errorf("stopped after %d redirects", fetchshim.MaxRedirects))
}

func mode(r fetchshim.Redirect) string {
	if r == fetchshim.Manual {
		return "manual"
	}
	return "follow"
}

func (f *Fetcher) streams(b fetchshim.Body) bool {
	size := b.Len()
	return f.upload == fetchshim.UploadStream && (size < 0 || size > replayable) ||
		f.upload == fetchshim.UploadSized && size > replayable
}

// send makes one call of fetch. What it starts ends when the response body does, or here when there is none.
func (f *Fetcher) send(c *call, h hop, redirect string, asked fetchshim.Redirect) (*fetchshim.Response, error) {
	c.begin()
	init := js.Global().Get("Object").New()
	init.Set("method", h.method)
	init.Set("redirect", redirect)
	init.Set("credentials", "omit")
	init.Set("signal", c.abort.Get("signal"))
	err := f.attach(c, init, h)
	var sent, answer js.Value
	if err == nil {
		err = promise.Try(func() { sent = f.fetch.Invoke(h.url, init) })
	}
	if err == nil {
		answer, err = promise.Await(c.run, sent)
	}
	if err == nil && answer.Get("type").String() == "opaqueredirect" {
		err = unsupported("a browser does not show a redirect, it can only follow one")
	}
	if err != nil {
		err = c.fault(err)
		c.end()
		return nil, err
	}
	return c.response(h, answer), nil
}

// attach puts header and body into the init of a fetch.
func (f *Fetcher) attach(c *call, init js.Value, h hop) error {
	headers := js.Global().Get("Headers").New()
	err := promise.Try(func() {
		for _, field := range h.header {
			headers.Call("append", field.Name, field.Value)
		}
		if h.header.Get("Accept-Encoding") == "" {
			headers.Call("set", "Accept-Encoding", "identity") // a browser drops it in silence
		}
	})
	if err != nil {
		return unsupported("the host refuses a request header: " + err.Error())
	}
	init.Set("headers", headers)
	switch {
	case h.body == nil:
		return nil
	case f.streams(h.body):
		if size := h.body.Len(); size >= 0 {
			headers.Call("set", "Content-Length", fmt.Sprint(size)) // Node heeds it, and sends chunks without it
		}
		return c.stream(init, h.body)
	case f.upload == fetchshim.UploadSized && h.body.Len() < 0:
		return unsupported("this host sends only bodies whose length is known")
	}
	return c.blob(init, h.body, f.maxBlob)
}

// response takes over the call: its body ends it.
func (c *call) response(h hop, answer js.Value) *fetchshim.Response {
	res := &fetchshim.Response{Status: answer.Get("status").Int(), URL: answer.Get("url").String()}
	if res.URL == "" {
		res.URL = h.url
	}
	each := answer.Get("headers").Call("entries")
	for {
		next := each.Call("next")
		if next.Get("done").Bool() {
			break
		}
		pair := next.Get("value")
		res.Header.Add(pair.Index(0).String(), pair.Index(1).String())
	}
	if res.Header.Get("Content-Encoding") != "" && !h.raw() {
		res.Header.Del("Content-Encoding")
		res.Header.Del("Content-Length")
	}
	b := &body{call: c, left: -1}
	if stream := answer.Get("body"); h.method != "HEAD" && stream.Type() == js.TypeObject {
		b.reader = stream.Call("getReader")
		b.left = length(res.Header)
	} else {
		b.finish(nil)
	}
	res.Body = b
	return res
}

// raw: the host leaves the body of the response as it came.
func (h hop) raw() bool {
	asked := h.header.Get("Accept-Encoding")
	return inDeno() && (asked == "" || strings.EqualFold(asked, "identity"))
}

// length is the Content-Length, or -1.
func length(h fetchshim.Header) int64 {
	n := int64(-1)
	if v := strings.TrimSpace(h.Get("Content-Length")); v != "" {
		if _, err := fmt.Sscan(v, &n); err != nil {
			return -1
		}
	}
	return n
}

// unsupported is an error that becomes a Fault of kind Unsupported.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// timedOut knows a DOMException by its name and the errors of Node by their code.
func timedOut(t promise.Thrown) bool {
	if t.Value.Type() != js.TypeObject {
		return false
	}
	name := t.Value.Get("name")
	text := t.Error()
	return name.Type() == js.TypeString && name.String() == "TimeoutError" ||
		strings.Contains(text, "ETIMEDOUT") || strings.Contains(text, "_TIMEOUT")
}

// said is the kind that an error of [Options.Fetch] names itself, in a member kind; "" where there is none.
func said(t promise.Thrown) fetchshim.FaultKind {
	if t.Value.Type() != js.TypeObject || t.Value.Get("kind").Type() != js.TypeString {
		return ""
	}
	switch kind := fetchshim.FaultKind(t.Value.Get("kind").String()); kind {
	case fetchshim.Network, fetchshim.Timeout, fetchshim.Refused, fetchshim.Unsupported:
		return kind
	}
	return ""
}

// fault tells why the call failed; a nil err is allowed when its context has ended.
func (c *call) fault(err error) error {
	kind := fetchshim.Network
	var no unsupported
	var t promise.Thrown
	switch {
	case c.ctx.Err() != nil:
		err, kind = context.Cause(c.ctx), fetchshim.Cancelled
		if errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
			kind = fetchshim.Timeout
		}
	case c.broken() != nil:
		return fmt.Errorf("%s: request body: %w", c.url, c.broken())
	case errors.As(err, &no):
		kind = fetchshim.Unsupported
	case errors.As(err, &t) && said(t) != "":
		kind = said(t)
	case errors.As(err, &t) && timedOut(t):
		kind = fetchshim.Timeout
	case errors.As(err, &t) && js.Global().Get("location").Type() == js.TypeObject:
		err = fmt.Errorf("%w (in a browser this can also mean that the server's CORS headers do not admit this page)", err)
	}
	return &fetchshim.Fault{Kind: kind, URL: c.url, Err: err}
}
