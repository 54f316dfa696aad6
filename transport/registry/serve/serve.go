// Package serve answers the OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md):
// the reading half from any Source, the writing half to a [Repository], which package depot has. The server is a Fetcher: it runs under net/http, in a Service Worker and in an edge function, and a client meets it without a socket.
package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	// Writable opens a repository, of which only the grammar was checked, to be written to; one that was never written to
	// is made by that. Nil: the server is read-only.
	Writable func(ctx context.Context, name string) (Repository, error)
	// Catalog lists the repositories; nil: the server does not.
	Catalog content.Cataloger
	// MinChunk is the smallest chunk of an upload but the last, in bytes, as clients are told; 0: any.
	MinChunk int64
	// AllowOrigin is the web origin whose pages may read answers (CORS); "" means any, "*". Pages may write only where this
	// names their origin: a registry that needs no credential would else be open to any page that a user visits.
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
		var body bodyError
		switch {
		case ctx.Err() != nil:
			return nil, cancelled(req, ctx.Err())
		case errors.As(err, &body):
			return nil, fmt.Errorf("%s: request body: %w", req.URL, body.error)
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
	x := &exchange{server: s, req: req, path: distspec.ParsePath(u.Path), query: u.Query()}
	switch req.Method {
	case "OPTIONS":
		return s.preflight(), nil
	case "", "GET", "HEAD":
		if x.path.Kind != distspec.Upload {
			return x.read(ctx)
		}
	}
	return x.write(ctx)
}

// read answers GET and HEAD.
func (x *exchange) read(ctx context.Context) (*reply, error) {
	handle := map[distspec.Kind]func(context.Context) (*reply, error){
		distspec.Base: base, distspec.Catalog: x.catalog, distspec.Manifest: x.manifest, distspec.Blob: x.blob,
		distspec.Tags: x.tags, distspec.Referrers: x.referrers,
	}[x.path.Kind]
	switch {
	case handle == nil:
		return nil, refusal{404, distspec.UnsupportedCode, "no such endpoint"}
	case x.path.Name == "":
		return handle(ctx)
	case !ref.ValidRepository(x.path.Name):
		return nil, refusal{400, distspec.NameInvalid, "invalid repository name"}
	}
	var err error
	x.source, err = x.server.o.Repositories(ctx, x.path.Name)
	switch {
	case errs.Of(err) == errs.NotFound && x.path.Kind == distspec.Referrers && x.server.o.Writable != nil:
		x.source = nobody{} // the list of a manifest that is not there is empty, and so is that of a repository
	case err != nil:
		return nil, failure{err, unknownName}
	}
	if x.source == nil {
		return nil, unknownName
	}
	return handle(ctx)
}

var unknownName = refusal{404, distspec.NameUnknown, "repository name not known to registry"}

func base(context.Context) (*reply, error) { return content200("application/json", []byte("{}")), nil }

// write answers what changes a repository.
func (x *exchange) write(ctx context.Context) (*reply, error) {
	o := x.server.o
	if o.Writable == nil {
		return nil, refusal{405, distspec.UnsupportedCode, "this registry is read-only"}
	}
	// A browser says where a page comes from with every request that is not a GET or HEAD
	// (https://fetch.spec.whatwg.org/#origin-header).
	if from := x.req.Header.Get("Origin"); from != "" && from != o.AllowOrigin {
		return nil, refusal{403, distspec.Denied, "pages of this origin may not write"}
	}
	handle := map[string]func(context.Context, Repository) (*reply, error){
		"POST": x.begin, "PATCH": x.upload, "PUT": x.upload, "DELETE": x.upload, "GET": x.upload, "HEAD": x.upload, "": x.upload,
	}
	switch x.path.Kind {
	case distspec.Upload:
	case distspec.Manifest:
		handle = map[string]func(context.Context, Repository) (*reply, error){"PUT": x.put, "DELETE": x.deleteManifest}
	case distspec.Blob:
		handle = map[string]func(context.Context, Repository) (*reply, error){"DELETE": x.deleteBlob}
	default:
		handle = nil
	}
	do := handle[x.req.Method]
	switch {
	case do == nil:
		return nil, refusal{405, distspec.UnsupportedCode, "no such operation"}
	case !ref.ValidRepository(x.path.Name):
		return nil, refusal{400, distspec.NameInvalid, "invalid repository name"}
	}
	r, err := o.Writable(ctx, x.path.Name)
	if err != nil {
		return nil, failure{err, unknownName}
	}
	return do(ctx, r)
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
	"Docker-Distribution-Api-Version, Docker-Upload-UUID, OCI-Subject, OCI-Filters-Applied, OCI-Chunk-Min-Length, OCI-Tag"

// preflight answers a browser that asks whether it may send a request (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func (s *server) preflight() *reply {
	r := &reply{status: 204, size: -1}
	methods := "GET, HEAD, OPTIONS"
	if s.o.Writable != nil && s.o.AllowOrigin != "*" {
		methods += ", POST, PATCH, PUT, DELETE"
	}
	r.header.Add("Access-Control-Allow-Methods", methods)
	r.header.Add("Access-Control-Allow-Headers", "Accept, Authorization, Content-Range, Content-Type, If-None-Match, If-Range, Range, User-Agent")
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
	if o, ok := err.(outOfStep); ok {
		return o.reply
	}
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
		allow := "GET, HEAD, OPTIONS"
		if s.o.Writable != nil {
			allow += ", POST, PATCH, PUT, DELETE"
		}
		r.header.Add("Allow", allow)
	}
	return r
}
