// Package fetchshim is HTTP and nothing but: one request in, one response out, bodies as streams.
//
// The registry client calls a [Fetcher]; the registry server is one. So client and server meet without a socket in
// tests, a proxy is a client in front of a server, and the same server answers under net/http, in a Service Worker and
// in an edge function. The package uses the standard library only and never net/http, which would be two thirds of a
// wasm file.
package fetchshim

import (
	"context"
	"io"
)

// A Fetcher sends one HTTP request and returns when the response head has arrived. It is safe for concurrent use.
//
// The caller closes [Response.Body]. Cancelling ctx fails Fetch and any later Read of the body. Redirects are followed
// unless the request says otherwise, but Authorization, Cookie and Proxy-Authorization never reach another origin
// (WHATWG Fetch section 4.4, https://fetch.spec.whatwg.org/#http-redirect-fetch). A status is not an error: only a
// request that got no response is, and that error is a [*Fault].
type Fetcher interface {
	Fetch(ctx context.Context, req *Request) (*Response, error)
}

// Func makes a Fetcher of a function.
type Func func(ctx context.Context, req *Request) (*Response, error)

// Fetch calls f.
func (f Func) Fetch(ctx context.Context, req *Request) (*Response, error) { return f(ctx, req) }

// Redirect says what a Fetcher does with a 3xx answer that has a Location.
type Redirect string

const (
	// Follow follows up to [MaxRedirects] redirects; it is the zero value's meaning.
	Follow Redirect = ""
	// Manual returns the 3xx response as it is. A browser cannot show one to a page: there it is a Fault of kind
	// Unsupported.
	Manual Redirect = "manual"
)

// MaxRedirects is how many redirects one Fetch follows before it fails with a Fault of kind Network.
const MaxRedirects = 10

// Request is an HTTP request. A Fetcher does not change it, so it can be sent again.
type Request struct {
	Method   string // GET where empty
	URL      string // absolute, http or https; path and query already escaped
	Header   Header
	Body     Body // nil for none
	Redirect Redirect
}

// Response is the head of an HTTP response and a body that the caller must close.
type Response struct {
	Status int
	URL    string // the URL that answered, after redirects
	Header Header
	Body   io.ReadCloser // never nil
}

// Body is a request body that can be read more than once: a retry, an answer to an authentication challenge and a
// failed mount all send it again.
type Body interface {
	// Len is the length in bytes, or -1 where it is not known.
	Len() int64
	// Open starts the body from its first byte. The Fetcher closes what it opened.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// Upload says in which form a Fetcher can send a request body.
type Upload string

const (
	// UploadStream sends a body of unknown length as it is produced.
	UploadStream Upload = "stream"
	// UploadSized streams, but only bodies whose length is known beforehand.
	UploadSized Upload = "sized"
	// UploadBlob holds a whole body in memory before it is sent, so the sender keeps each one small.
	UploadBlob Upload = "blob"
)

// Uploader is implemented by a Fetcher whose uploads are limited. A Fetcher without it is taken for UploadStream.
type Uploader interface{ Upload() Upload }

// UploadOf says how f sends bodies.
func UploadOf(f Fetcher) Upload {
	if u, ok := f.(Uploader); ok {
		return u.Upload()
	}
	return UploadStream
}
