package registry

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// nothing is the digest of no content that anybody has.
const nothing = "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"

// probe asks one registry.
type probe struct {
	r    *repository
	a    content.Abilities
	blob v1.Descriptor // one that is there, if any
}

// Probe implements [content.Prober].
func (r *repository) Probe(ctx context.Context, push bool) (content.Abilities, error) {
	const u = content.Unknown
	p := probe{r: r, a: content.Abilities{
		Registry: r.target.Registry, Origin: r.target.Origin, Auth: []string{}, ExposeHeaders: []string{},
		Tags: u, Catalog: u, Referrers: u, Ranges: u, Digest: u, Push: u, AnonymousMount: u, Chunks: u, UploadStatus: u, UploadCancel: u,
		DeleteManifest: u, DeleteTag: u, DeleteBlob: u, Why: map[string]string{},
	}}
	if err := p.door(ctx); err != nil {
		return p.a, err
	}
	p.lists(ctx)
	p.image(ctx)
	if push {
		p.push(ctx)
		p.unknown("no upload could be begun", uploading...)
		p.a.DeleteManifest = p.deletes(ctx, "deleteManifest", distspec.Manifest, nothing)
		p.a.DeleteTag = p.deletes(ctx, "deleteTag", distspec.Manifest, "probe-"+strings.ToLower(rand.Text()))
		p.a.DeleteBlob = p.deletes(ctx, "deleteBlob", distspec.Blob, nothing)
	} else {
		p.unknown("is tried with push only", writing...)
	}
	maps.DeleteFunc(p.a.Why, func(name, _ string) bool { return p.a.Named()[name] != u })
	return p.a, ctx.Err()
}

// What needs an upload, and what is written for.
var (
	uploading = []string{"anonymousMount", "chunks", "uploadStatus", "uploadCancel"}
	writing   = append([]string{"push", "deleteManifest", "deleteTag", "deleteBlob"}, uploading...)
)

// unknown says why abilities are, unless it was said before.
func (p *probe) unknown(why string, names ...string) {
	for _, name := range names {
		if p.a.Why[name] == "" {
			p.a.Why[name] = why
		}
	}
}

// answer is what became of one request.
type answer struct {
	status int // 0 where nothing came
	header fetchshim.Header
	url    string // after redirects, "" where that is not known
	why    string // in words, that it is not what was hoped for
}

// ask sends one request, and reads and closes what comes.
func (p *probe) ask(ctx context.Context, t auth.Target, req *fetchshim.Request) answer {
	o := p.r.c.attempt(ctx, t, req, p.r.name, 1) // once: an answer of 500 is an answer
	if o.err != nil {
		return answer{why: p.words(o.err)}
	}
	defer o.resp.Body.Close()
	return answer{o.resp.Status, o.resp.Header, o.resp.URL, p.words(p.r.failed(o.resp, p.r.name, req.Method))}
}

// words are an error without the name of what is probed.
func (p *probe) words(err error) string { return strings.TrimPrefix(err.Error(), p.r.name+": ") }

// verdict of a status: yes for what was expected, no for what registries answer to what they do not know.
func (p *probe) verdict(name string, a answer, yes ...int) content.Ability {
	switch {
	case slices.Contains(yes, a.status):
		return content.Yes
	case slices.Contains([]int{400, 404, 405, 406, 415, 501}, a.status):
		return content.No
	}
	p.unknown(a.why, name)
	return content.Unknown
}

// door asks /v2/ as somebody who does not know the registry: what it wants to see, and what it shows to pages.
func (p *probe) door(ctx context.Context) error {
	req := p.r.request("GET", distspec.Base, "")
	req.Header.Add("Origin", "https://page.example") // a browser sets its own
	o := p.r.c.attempt(ctx, auth.Target{Registry: p.r.target.Registry}, req, p.r.name, 1)
	if o.err != nil {
		return o.err
	}
	defer o.resp.Body.Close()
	if o.resp.Status != 200 && o.resp.Status != 401 {
		return p.r.failed(o.resp, p.r.name, "registry")
	}
	for _, c := range distspec.ParseChallenges(o.resp.Header.Values("WWW-Authenticate")) {
		p.a.Auth = append(p.a.Auth, c.Scheme)
	}
	p.a.AllowOrigin = o.resp.Header.Get("Access-Control-Allow-Origin")
	for _, h := range o.resp.Header.Values("Access-Control-Expose-Headers") {
		for name := range strings.SplitSeq(h, ",") {
			p.a.ExposeHeaders = append(p.a.ExposeHeaders, strings.TrimSpace(name))
		}
	}
	return nil
}

func (p *probe) lists(ctx context.Context) {
	req := p.r.request("GET", distspec.Referrers, nothing)
	p.a.Referrers = p.verdict("referrers", p.ask(ctx, p.r.target, req), 200)
	req = p.r.request("GET", distspec.Catalog, "")
	req.URL += "?n=1"
	t := p.r.target
	t.Scope = "registry:catalog:*"
	p.a.Catalog = p.verdict("catalog", p.ask(ctx, t, req), 200)
	req = p.r.request("GET", distspec.Tags, "")
	req.URL += "?n=1"
	a := p.ask(ctx, p.r.target, req)
	if a.status == 404 { // of a repository that is not there, which says nothing of others
		p.unknown(a.why, "tags")
		return
	}
	p.a.Tags = p.verdict("tags", a, 200)
}

// image looks at the image that the reference names.
func (p *probe) image(ctx context.Context) {
	ident, err := p.r.ident(p.r.ref.Ident())
	if err != nil {
		p.unknown(p.words(err), "digest", "ranges")
		return
	}
	req := p.r.request("HEAD", distspec.Manifest, ident)
	req.Header.Add("Accept", strings.Join(oci.ManifestTypes, ", "))
	a := p.ask(ctx, p.r.target, req)
	p.unknown(a.why, "digest")
	if a.status == 200 {
		p.a.Digest = content.No
		if digest.Digest(a.header.Get("Docker-Content-Digest")).Validate() == nil {
			p.a.Digest = content.Yes
		}
	}
	if n, window, ok := distspec.ParseRateLimit(a.header.Get("RateLimit-Limit")); ok {
		p.a.RateLimit, p.a.RateWindow = n, int64(window/time.Second)
		p.a.RateRemaining, _, _ = distspec.ParseRateLimit(a.header.Get("RateLimit-Remaining"))
	}
	if p.blob, err = p.config(ctx, ident); err != nil {
		p.unknown("there is no blob to try it with: "+strings.TrimPrefix(err.Error(), p.r.subject(ident)+": "), "ranges", "anonymousMount")
		return
	}
	req = p.r.request("GET", distspec.Blob, p.blob.Digest.String())
	req.Header.Add("Range", "bytes=1-1")
	a = p.ask(ctx, p.r.target, req)
	p.unknown(a.why, "ranges")
	switch a.status {
	case 206:
		p.a.Ranges = content.Yes
	case 200:
		p.a.Ranges = content.No
	}
}

// config is the config of the image, or of the first one in the index.
func (p *probe) config(ctx context.Context, ident string) (v1.Descriptor, error) {
	none := errs.New(errs.NotFound, "", "the image has no config")
	for range 2 {
		doc, err := p.r.Manifest(ctx, ident)
		if err != nil {
			return v1.Descriptor{}, err
		}
		if !doc.IsIndex() {
			m, err := doc.Manifest()
			if err == nil && m.Config.Size < 2 {
				err = none
			}
			return m.Config, err
		}
		x, err := doc.Index()
		if err != nil {
			return v1.Descriptor{}, err
		}
		if len(x.Manifests) == 0 {
			return v1.Descriptor{}, none
		}
		ident = x.Manifests[0].Digest.String()
	}
	return v1.Descriptor{}, none
}

// push begins an upload, sends a little, and gives it up.
func (p *probe) push(ctx context.Context) {
	r := p.r.c.repository(p.r.ref, "pull,push")
	u := newUpload(r, inline(v1.DescriptorEmptyJSON))
	mount := "?mount=" + nothing
	if p.blob.Digest != "" {
		mount = "?mount=" + p.blob.Digest.String()
	}
	req := r.request("POST", distspec.Upload, "")
	base := req.URL
	req.URL += mount
	resp, err := r.send(ctx, r.target, req, r.name)
	if err != nil {
		p.unknown(p.words(err), "push")
		if errs.Of(err) == errs.Denied || errs.Of(err) == errs.Unauthorized {
			p.a.Push = content.No
		}
		return
	}
	a := answer{resp.Status, resp.Header, resp.URL, p.words(r.failed(resp, r.name, req.Method))}
	_ = resp.Body.Close()
	if p.a.Push = p.verdict("push", a, 201, 202); resp.Status == 403 {
		p.a.Push = content.No
	}
	if p.blob.Digest != "" && p.a.Push == content.Yes {
		p.a.AnonymousMount = content.No
		if resp.Status == 201 {
			p.a.AnonymousMount = content.Yes
		}
	}
	if resp.Status == 201 {
		req.URL = base
		if resp, err = r.send(ctx, r.target, req, r.name); err != nil {
			return
		}
		_ = excerpt(resp.Body)
	}
	if resp.Status != 202 {
		return
	}
	if err := u.follow(resp, base, true); err != nil {
		p.unknown(p.words(err), "chunks", "uploadStatus", "uploadCancel")
		return
	}
	p.a.ChunkMin, _ = strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64)
	p.upload(ctx, u)
}

// upload sends a chunk and asks what became of it.
func (p *probe) upload(ctx context.Context, u *upload) {
	req := u.request("PATCH", u.url)
	req.Header.Add("Content-Type", "application/octet-stream")
	req.Header.Add("Content-Range", "0-1")
	req.Body = fetchshim.Bytes("{}")
	sent := p.ask(ctx, u.target, req)
	p.a.Chunks = p.verdict("chunks", sent, 200, 201, 202, 204)
	if p.a.Chunks == content.Yes && u.follow(&fetchshim.Response{Header: sent.header, URL: sent.url}, u.url, false) != nil {
		p.unknown("the registry does not say where the upload goes on", "uploadStatus", "uploadCancel")
		return
	}
	a := p.ask(ctx, u.target, u.request("GET", u.url))
	p.a.UploadStatus = p.verdict("uploadStatus", a, 200, 204)
	if n, ok := distspec.ParseUploadRange(a.header.Get("Range")); p.a.UploadStatus == content.Yes && (!ok || n != 2) {
		p.a.UploadStatus = content.No
	}
	p.a.UploadCancel = p.verdict("uploadCancel", p.ask(ctx, u.target, u.request("DELETE", u.url)), 200, 202, 204)
}

// deletes asks to delete what is not there: a registry that would delete it says 404.
func (p *probe) deletes(ctx context.Context, name string, kind distspec.Kind, ident string) content.Ability {
	t := p.r.target
	t.Scope = scope(p.r.ref.Repository, "pull,delete")
	a := p.ask(ctx, t, p.r.request("DELETE", kind, ident))
	switch a.status {
	case 404, 200, 202, 204:
		return content.Yes
	case 400, 405, 501:
		return content.No
	}
	p.unknown(a.why, name)
	return content.Unknown
}
