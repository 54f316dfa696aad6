// Package serve answers the reading half of the OCI distribution API from any Source
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, "Pull" and "Content Discovery"). The server is
// a Fetcher: it runs under net/http, in a Service Worker and in an edge function, and a client meets it without a socket.
package serve

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Options configure a server. One of Source and Repositories is required.
type Options struct {
	// Source answers for every repository name, unless Repositories is set.
	Source content.Source
	// Repositories finds the Source of a repository, of which only the grammar was checked; kind not_found where there is
	// none. The server does not close what it returns.
	Repositories func(ctx context.Context, name string) (content.Source, error)
	// AllowOrigin is the web origin whose pages may read answers (CORS); "" means any, "*".
	AllowOrigin string
	// Event is told, as warnings, what went wrong inside: clients are not. Nil: nobody listens.
	Event func(event.Event)
}

// New makes a server. Blobs are answered from Sources that are [content.BlobStatter]s only, tags from
// [content.TagLister]s, and parts of blobs cheaply from [content.RangeOpener]s. It is safe for concurrent use where its
// Sources are, keeps nothing between requests, and never holds a blob.
func New(o Options) fetchshim.Fetcher {
	if o.AllowOrigin == "" {
		o.AllowOrigin = "*"
	}
	if o.Event == nil {
		o.Event = func(event.Event) {}
	}
	if o.Repositories == nil {
		o.Repositories = func(context.Context, string) (content.Source, error) { return o.Source, nil }
	}
	return &server{o}
}

type server struct{ o Options }

// exchange is one request under way.
type exchange struct {
	server *server
	req    *fetchshim.Request
	path   distspec.Path
	query  url.Values
	source content.Source
}

// Fetch implements [fetchshim.Fetcher]. Every failure but an ended context is a response.
func (s *server) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, cancelled(req, err)
	}
	r, err := s.answer(ctx, req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, cancelled(req, ctx.Err())
		}
		r = s.refuse(req, err)
	}
	resp := s.finish(req, r)
	resp.Body = &cancellable{resp.Body, ctx, req}
	return resp, nil
}

// cancellable fails once the context has ended, as a Fetcher's body does; a Source's own reader need not.
type cancellable struct {
	io.ReadCloser
	ctx context.Context
	req *fetchshim.Request
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, cancelled(c.req, err)
	}
	return c.ReadCloser.Read(p)
}

func cancelled(req *fetchshim.Request, err error) error {
	return &fetchshim.Fault{Kind: fetchshim.Cancelled, URL: req.URL, Err: err}
}

func (s *server) answer(ctx context.Context, req *fetchshim.Request) (*reply, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, refusal{404, distspec.UnsupportedCode, "no such endpoint"}
	}
	switch req.Method {
	case "OPTIONS":
		return preflight(), nil
	case "", "GET", "HEAD":
	default:
		return nil, refusal{405, distspec.UnsupportedCode, "this registry is read-only"}
	}
	x := &exchange{server: s, req: req, path: distspec.ParsePath(u.Path), query: u.Query()}
	if x.path.Kind == distspec.Base {
		return content200("application/json", []byte("{}")), nil
	}
	handle := x.handler()
	if handle == nil {
		return nil, refusal{404, distspec.UnsupportedCode, "no such endpoint"}
	}
	if !ref.ValidRepository(x.path.Name) {
		return nil, refusal{400, distspec.NameInvalid, "invalid repository name"}
	}
	if x.source, err = s.o.Repositories(ctx, x.path.Name); err != nil {
		return nil, failure{err, refusal{404, distspec.NameUnknown, "repository name not known to registry"}}
	}
	if x.source == nil {
		return nil, refusal{404, distspec.NameUnknown, "repository name not known to registry"}
	}
	return handle(ctx)
}

// handler is what answers the endpoint, nil where nothing does. Referrers are answered 404 by a registry that does not
// list them, and clients then look for a tag (spec.md, "Unavailable Referrers API").
func (x *exchange) handler() func(context.Context) (*reply, error) {
	switch x.path.Kind {
	case distspec.Manifest:
		return x.manifest
	case distspec.Blob:
		return x.blob
	case distspec.Tags:
		return x.tags
	}
	return nil
}

func (x *exchange) head() bool { return x.req.Method == "HEAD" }

// reply is a response before it gets what all responses have.
type reply struct {
	status int
	header fetchshim.Header
	size   int64 // of body, in bytes; -1 for no Content-Length
	body   io.ReadCloser
}

func content200(mediaType string, raw []byte) *reply {
	r := &reply{status: 200, size: int64(len(raw)), body: io.NopCloser(bytes.NewReader(raw))}
	r.header.Add("Content-Type", mediaType)
	return r
}

// finish adds what every response has, and takes the body away from the answer to a HEAD.
func (s *server) finish(req *fetchshim.Request, r *reply) *fetchshim.Response {
	h := r.header
	h.Add("Docker-Distribution-Api-Version", "registry/2.0") // Docker's clients look for it at /v2/
	h.Add("X-Content-Type-Options", "nosniff")
	h.Add("Access-Control-Allow-Origin", s.o.AllowOrigin)
	if s.o.AllowOrigin != "*" {
		h.Add("Vary", "Origin")
	}
	h.Add("Access-Control-Expose-Headers", exposed)
	if r.size >= 0 {
		h.Add("Content-Length", strconv.FormatInt(r.size, 10))
	}
	body := r.body
	if body == nil {
		body = io.NopCloser(strings.NewReader(""))
	}
	if req.Method == "HEAD" {
		_ = body.Close()
		body = io.NopCloser(strings.NewReader(""))
	}
	return &fetchshim.Response{Status: r.status, URL: req.URL, Header: h, Body: body}
}

// exposed are the headers that a page may read (https://fetch.spec.whatwg.org/#http-access-control-expose-headers); the
// OCI- ones are those of the specification, since a list takes no patterns.
const exposed = "Docker-Content-Digest, Content-Length, Content-Range, Link, WWW-Authenticate, Location, Range, ETag, Retry-After, " +
	"Docker-Distribution-Api-Version, Docker-Upload-UUID, OCI-Subject, OCI-Filters-Applied, OCI-Chunk-Min-Length"

// preflight answers a browser that asks whether it may send a request (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func preflight() *reply {
	r := &reply{status: 204, size: -1}
	r.header.Add("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	r.header.Add("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-None-Match, If-Range, Range, User-Agent")
	r.header.Add("Access-Control-Max-Age", "86400")
	return r
}

// refusal is an error that is answered as it is.
type refusal struct {
	status  int
	code    distspec.Code
	message string
}

func (r refusal) Error() string { return r.message }

// failure is an error of a Source, and what to answer where it is of kind not_found.
type failure struct {
	error
	unknown refusal
}

// refuse makes a response of an error. What a Source says stays inside, since it may name paths and hosts.
func (s *server) refuse(req *fetchshim.Request, err error) *reply {
	said, ok := err.(refusal)
	if !ok {
		said = refusal{500, distspec.UnknownError, "internal error"}
		f, _ := err.(failure)
		switch errs.Of(f.error) {
		case errs.NotFound:
			said = f.unknown
		case errs.Unauthorized, errs.Denied:
			said = refusal{403, distspec.Denied, "access to the resource is denied"}
		case errs.RateLimited:
			said = refusal{429, distspec.TooManyRequests, "too many requests"}
		case errs.Network:
			said = refusal{502, distspec.UnknownError, "the storage of this registry cannot be reached"}
		}
		if said.status != 404 {
			s.o.Event(event.Event{Kind: event.Warning, Subject: req.URL, Message: err.Error()})
		}
	}
	r := content200("application/json", distspec.EncodeErrors(distspec.Error{Code: said.code, Message: said.message}))
	r.status = said.status
	if r.status == 405 {
		r.header.Add("Allow", "GET, HEAD, OPTIONS")
	}
	return r
}
