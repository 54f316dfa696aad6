package registry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

const (
	// defaultChunk is the Options.Chunk of zero, in bytes: larger than most layers, small enough to be held by a host that
	// cannot stream.
	defaultChunk = 16 << 20
	// minChunk is the smallest chunk that a registry that finds requests too large is offered.
	minChunk = 1 << 20
	// maxSessions is how often one blob is begun anew.
	maxSessions = 3
)

// upload sends one blob to a repository (spec.md, "Pushing Blobs"). What fits into a chunk is one PUT. What is larger is
// streamed in one PATCH, where a break costs what was under way and no more; a host that cannot stream, and a registry that
// finds the request too large, get a PATCH for each chunk.
type upload struct {
	r       *repository
	src     *source
	d       v1.Descriptor
	subject string
	chunk   int64 // bytes that one PUT, or one PATCH of several, may carry
	cut     bool  // no PATCH carries more than a chunk
	whole   bool  // no PATCH at all
	anew    bool  // no mount: what the registry has is wrong
	unseen  bool  // it was not looked for yet, as a mount says more
	begun   int   // sessions
	try     int   // of the next request

	// The session.
	url      string
	target   auth.Target // for url: of the registry, or of nobody where that is another origin
	minChunk int64       // bytes, by the registry's OCI-Chunk-Min-Length
	at       int64       // bytes that the registry has
}

func newUpload(r *repository, b content.Blob) *upload {
	d := b.Descriptor()
	return &upload{
		r: r, d: d, subject: r.blobName(d.Digest), src: &source{b: b, yield: r.c.o.Yield},
		chunk: r.c.o.Chunk, cut: fetchshim.UploadOf(r.c.o.Fetcher) == fetchshim.UploadBlob,
	}
}

// lost is the error of a session that cannot go on; another one can be begun, after a while or now.
type lost struct {
	error
	now bool
}

func (l lost) Unwrap() error { return l.error }

// put sends the blob unless it can be mounted. A session that is lost is begun anew, as the POST that begins one changes
// nothing that anybody sees.
func (u *upload) put(ctx context.Context) (content.How, error) {
	u.src.ctx = ctx
	defer u.src.close()
	for {
		mounted, err := u.begin(ctx)
		if mounted {
			return content.Mounted, nil
		}
		if u.unseen {
			switch found, err := u.look(ctx); {
			case err != nil:
				return "", err
			case found:
				return content.Existed, nil
			}
		}
		if err == nil {
			err = u.run(ctx)
		}
		if err == nil {
			return content.Stored, nil
		}
		if failure := u.src.failure(); failure != nil {
			return "", errs.Wrap(u.subject, failure)
		}
		var l lost
		switch {
		case !errors.As(err, &l):
			return "", err
		case l.now:
			continue
		}
		if u.begun++; u.begun >= maxSessions {
			return "", l.error
		}
		if err := u.r.pause(ctx, u.subject, l.Error(), backoff(u.begun)); err != nil {
			return "", err
		}
		if u.anew {
			continue
		}
		// The answer to the last PUT may be what was lost.
		if found, err := u.r.has(ctx, u.d); err == nil && found {
			return content.Stored, nil
		}
	}
}

// run takes a session to its end: each request that fails in a way that may pass is followed by the question how far the
// registry has come.
func (u *upload) run(ctx context.Context) error {
	failures, reached := 0, u.at
	for {
		u.try = failures + 1
		done, err := u.step(ctx)
		if done || err == nil && u.at > reached {
			failures, reached = 0, u.at
		}
		var p *passing
		switch {
		case done:
			return nil
		case err == nil:
			continue
		case !errors.As(err, &p) || u.src.failure() != nil:
			return err
		}
		if failures++; failures >= p.tries {
			return p.error
		}
		if err := u.r.pause(ctx, u.subject, p.Error(), p.wait); err != nil {
			return err
		}
		if err := u.ask(ctx); err != nil {
			return err
		}
		if u.at > reached {
			failures, reached = 0, u.at
		}
	}
}

// step makes the next request of the session.
func (u *upload) step(ctx context.Context) (done bool, err error) {
	left := u.d.Size - u.at
	switch {
	case u.at == 0 && (u.whole || left <= u.chunk):
		return u.finish(ctx, u.src.part(0, u.d.Size))
	case left == 0:
		return u.finish(ctx, nil)
	case u.cut:
		left = min(left, max(u.chunk, u.minChunk))
	}
	return false, u.patch(ctx, u.at+left)
}

// patch sends the bytes up to an offset (spec.md, "Pushing a blob in chunks"). One PATCH from the start to the end has no
// Content-Range: it is a stream, as Docker sends it to every registry there is.
func (u *upload) patch(ctx context.Context, to int64) error {
	req := u.request("PATCH", u.url)
	req.Header.Add("Content-Type", "application/octet-stream")
	if u.at > 0 || to < u.d.Size {
		req.Header.Add("Content-Range", fmt.Sprintf("%d-%d", u.at, to-1))
	}
	req.Body = u.src.part(u.at, to)
	resp, err := u.send(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case slices.Contains([]int{200, 201, 202, 204}, resp.Status): // 202 by the specification
	case resp.Status == 405 || resp.Status == 501: // a registry that takes whole blobs only
		u.whole = true
		return lost{u.r.failed(resp, u.subject, "blob"), true}
	default:
		return u.refused(resp)
	}
	if n, ok := distspec.ParseUploadRange(resp.Header.Get("Range")); ok {
		to = min(n, to)
	}
	if to <= u.at {
		return lost{error: errs.New(errs.Network, u.subject, "the registry takes chunks and keeps nothing of them")}
	}
	u.at = to
	return u.follow(resp, req.URL, false)
}

// finish closes the session with the digest and whatever is left to send.
func (u *upload) finish(ctx context.Context, body fetchshim.Body) (done bool, err error) {
	join := "?"
	if strings.Contains(u.url, "?") {
		join = "&"
	}
	req := u.request("PUT", u.url+join+"digest="+url.QueryEscape(u.d.Digest.String()))
	if body != nil {
		req.Header.Add("Content-Type", "application/octet-stream")
		req.Body = body
	}
	resp, err := u.send(ctx, req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if !slices.Contains([]int{200, 201, 202, 204}, resp.Status) { // 201 by the specification
		return false, u.refused(resp)
	}
	got := digest.Digest(resp.Header.Get("Docker-Content-Digest"))
	if got.Validate() == nil && got.Algorithm() == u.d.Digest.Algorithm() && got != u.d.Digest {
		return false, errs.New(errs.Verification, u.subject, "the registry stored the blob under the digest %s", got)
	}
	return true, nil
}

// refused is the error of a request that the registry did not take. Whether another session would do better depends on
// what it says.
func (u *upload) refused(resp *fetchshim.Response) error {
	said := u.r.failed(resp, u.subject, "blob")
	switch {
	case resp.Status == 413 && u.smaller():
		return lost{said, true}
	case resp.Status == 404 || resp.Status == 410:
		return lost{error: errs.New(errs.Network, u.subject, "the upload is lost: %w", said)}
	case resp.Status == 416: // out of step: ask
		return &passing{said, backoff(u.try), tries}
	case resp.Status == 400 && u.src.doubt(): // the next session tells whether it is the blob that is wrong
		return lost{said, true}
	case resp.Status == 400 && says(said, distspec.DigestInvalid):
		return lost{error: errs.New(errs.Verification, u.subject, "%w", said)}
	}
	return said
}

// smaller makes do with smaller requests. Proxies before registries are seen that take 100 MB (Cloudflare).
func (u *upload) smaller() bool {
	next := u.chunk
	if u.cut || u.d.Size <= u.chunk {
		next = min(u.chunk, u.d.Size) / 4
	}
	if next < max(minChunk, u.minChunk) {
		return false
	}
	u.chunk, u.cut = next, true
	return true
}

// ask asks the registry how far it has come (spec.md, "Pushing a blob in chunks").
func (u *upload) ask(ctx context.Context) error {
	req := u.request("GET", u.url)
	resp, err := u.r.send(ctx, u.target, req, u.subject)
	if err != nil {
		return lost{error: err}
	}
	defer resp.Body.Close()
	n, ok := distspec.ParseUploadRange(resp.Header.Get("Range"))
	if resp.Status != 204 && resp.Status != 200 || !ok || n > u.d.Size {
		return lost{error: errs.New(errs.Network, u.subject, "the registry does not say how far the upload has come")}
	}
	u.at = n
	return u.follow(resp, req.URL, false)
}

// look looks for the blob after a mount that did not come about, and ends the session where there is nothing to send.
func (u *upload) look(ctx context.Context) (found bool, err error) {
	u.unseen = false
	u.r.c.pace(u.r.target.Registry).mountless.Store(true)
	found, err = u.r.has(ctx, u.d)
	if found || err != nil {
		u.cancel(ctx)
	}
	return found, err
}

// cancel ends a session that is not needed (spec.md, "Cancel a blob upload"). Registries forget those that are left, too.
func (u *upload) cancel(ctx context.Context) {
	if u.url == "" {
		return
	}
	if resp, err := u.r.send(content.Once(ctx), u.target, u.request("DELETE", u.url), u.subject); err == nil {
		_ = resp.Body.Close()
	}
}

func (u *upload) request(method, to string) *fetchshim.Request {
	req := u.r.request(method, distspec.Upload, "")
	req.URL = to
	return req
}

// send sends a request once; errors that may pass are passing.
func (u *upload) send(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	o := u.r.c.attempt(ctx, u.target, req, u.subject, u.try)
	if !o.again {
		return o.resp, o.err
	}
	if o.err == nil {
		o.err = u.r.failed(o.resp, u.subject, "blob")
		_ = o.resp.Body.Close()
	}
	return nil, &passing{o.err, o.wait, o.tries}
}
