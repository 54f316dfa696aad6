package registry

import (
	"context"
	"crypto/rand"
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
		DeleteManifest: u, DeleteTag: u, DeleteBlob: u,
	}}
	if err := p.door(ctx); err != nil {
		return p.a, err
	}
	p.lists(ctx)
	p.image(ctx)
	if push {
		p.push(ctx)
		p.a.DeleteManifest = p.deletes(ctx, distspec.Manifest, nothing)
		p.a.DeleteTag = p.deletes(ctx, distspec.Manifest, "probe-"+strings.ToLower(rand.Text()))
		p.a.DeleteBlob = p.deletes(ctx, distspec.Blob, nothing)
	}
	return p.a, ctx.Err()
}

// ask sends one request, and reads and closes what comes. The status is 0 where nothing came.
func (p *probe) ask(ctx context.Context, t auth.Target, req *fetchshim.Request) (status int, h fetchshim.Header) {
	o := p.r.c.attempt(ctx, t, req, p.r.name, 1) // once: an answer of 500 is an answer
	if o.err != nil {
		return 0, nil
	}
	_ = excerpt(o.resp.Body)
	return o.resp.Status, o.resp.Header
}

// verdict of a status: yes for what was expected, no for what registries answer to what they do not know.
func verdict(status int, yes ...int) content.Ability {
	switch {
	case slices.Contains(yes, status):
		return content.Yes
	case slices.Contains([]int{400, 404, 405, 406, 415, 501}, status):
		return content.No
	}
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
	status, _ := p.ask(ctx, p.r.target, req)
	p.a.Referrers = verdict(status, 200)
	req = p.r.request("GET", distspec.Catalog, "")
	req.URL += "?n=1"
	t := p.r.target
	t.Scope = "registry:catalog:*"
	status, _ = p.ask(ctx, t, req)
	p.a.Catalog = verdict(status, 200)
	req = p.r.request("GET", distspec.Tags, "")
	req.URL += "?n=1"
	status, _ = p.ask(ctx, p.r.target, req)
	p.a.Tags = verdict(status, 200)
}

// image looks at the image that the reference names.
func (p *probe) image(ctx context.Context) {
	ident, err := p.r.ident(p.r.ref.Ident())
	if err != nil {
		return
	}
	req := p.r.request("HEAD", distspec.Manifest, ident)
	req.Header.Add("Accept", strings.Join(oci.ManifestTypes, ", "))
	status, h := p.ask(ctx, p.r.target, req)
	if status == 200 {
		p.a.Digest = content.No
		if digest.Digest(h.Get("Docker-Content-Digest")).Validate() == nil {
			p.a.Digest = content.Yes
		}
	}
	if n, window, ok := distspec.ParseRateLimit(h.Get("RateLimit-Limit")); ok {
		p.a.RateLimit, p.a.RateWindow = n, int64(window/time.Second)
		p.a.RateRemaining, _, _ = distspec.ParseRateLimit(h.Get("RateLimit-Remaining"))
	}
	if p.blob = p.config(ctx, ident); p.blob.Size < 2 {
		return
	}
	req = p.r.request("GET", distspec.Blob, p.blob.Digest.String())
	req.Header.Add("Range", "bytes=1-1")
	switch status, _ := p.ask(ctx, p.r.target, req); status {
	case 206:
		p.a.Ranges = content.Yes
	case 200:
		p.a.Ranges = content.No
	}
}

// config is the config of the image, or of the first one in the index.
func (p *probe) config(ctx context.Context, ident string) v1.Descriptor {
	for range 2 {
		doc, err := p.r.Manifest(ctx, ident)
		if err != nil {
			return v1.Descriptor{}
		}
		if !doc.IsIndex() {
			m, _ := doc.Manifest() // without one there is nothing to ask for
			return m.Config
		}
		x, err := doc.Index()
		if err != nil || len(x.Manifests) == 0 {
			return v1.Descriptor{}
		}
		ident = x.Manifests[0].Digest.String()
	}
	return v1.Descriptor{}
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
		if errs.Of(err) == errs.Denied || errs.Of(err) == errs.Unauthorized {
			p.a.Push = content.No
		}
		return
	}
	_ = excerpt(resp.Body)
	if p.a.Push = verdict(resp.Status, 201, 202); resp.Status == 403 {
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
	if resp.Status != 202 || u.follow(resp, base, true) != nil {
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
	o := p.r.c.attempt(ctx, u.target, req, p.r.name, 1)
	if o.err != nil {
		return
	}
	_ = excerpt(o.resp.Body)
	p.a.Chunks = verdict(o.resp.Status, 200, 201, 202, 204)
	if p.a.Chunks == content.Yes && u.follow(o.resp, u.url, false) != nil {
		return
	}
	status, h := p.ask(ctx, u.target, u.request("GET", u.url))
	p.a.UploadStatus = verdict(status, 200, 204)
	if n, ok := distspec.ParseUploadRange(h.Get("Range")); p.a.UploadStatus == content.Yes && (!ok || n != 2) {
		p.a.UploadStatus = content.No
	}
	status, _ = p.ask(ctx, u.target, u.request("DELETE", u.url))
	p.a.UploadCancel = verdict(status, 200, 202, 204)
}

// deletes asks to delete what is not there: a registry that would delete it says 404.
func (p *probe) deletes(ctx context.Context, kind distspec.Kind, ident string) content.Ability {
	t := p.r.target
	t.Scope = scope(p.r.ref.Repository, "pull,delete")
	switch status, _ := p.ask(ctx, t, p.r.request("DELETE", kind, ident)); status {
	case 404, 200, 202, 204:
		return content.Yes
	case 400, 405, 501:
		return content.No
	}
	return content.Unknown
}
