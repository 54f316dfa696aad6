package registry

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// offer is one way to begin an upload.
type offer struct {
	query  string
	target auth.Target
}

// offers are the ways to begin: with a mount from where the blob comes from or was seen, with one from wherever the
// registry knows it (spec.md, "Mounting a blob from another repository": from may be left out), and plainly.
func (u *upload) offers() []offer {
	plain := offer{"", u.r.target}
	if u.url != "" || u.anew {
		return []offer{plain} // asked before, or to no use
	}
	var out []offer
	mount := url.Values{"mount": {u.d.Digest.String()}}
	for _, from := range u.places() {
		t := u.r.target
		t.Scope += " " + scope(from, "pull")
		out = append(out, offer{"?" + url.Values{"mount": mount["mount"], "from": {from}}.Encode(), t})
	}
	if !u.r.c.pace(u.r.target.Registry).plain.Load() {
		out = append(out, offer{"?" + mount.Encode(), u.r.target})
	}
	return append(out, plain)
}

// places are the other repositories of the registry that may have the blob.
func (u *upload) places() []string {
	var out []string
	if from := u.r.mountable(u.src.b); from != "" {
		out = append(out, from)
	}
	known := u.r.c.known.find(u.r.target.Registry, u.d.Digest)
	if known != "" && known != u.r.ref.Repository && (len(out) == 0 || out[0] != known) {
		out = append(out, known)
	}
	return out
}

// mountable is the repository of this registry that b is known to be in, "" where it is in none but this one.
func (r *repository) mountable(b content.Blob) string {
	if m, ok := content.As[content.Mountable](b); ok {
		if registry, from := m.MountFrom(); registry == r.target.Registry && from != r.ref.Repository {
			return from
		}
	}
	return ""
}

// Mounts implements [content.Mounter].
func (r *repository) Mounts(b content.Blob) bool { return r.mountable(b) != "" }

// begin begins a session, or has the blob mounted. A registry that mounts nothing answers with a session; one that does not
// like the question at all is asked plainly.
func (u *upload) begin(ctx context.Context) (mounted bool, err error) {
	u.at, u.minChunk = 0, 0
	offers := u.offers()
	for i, o := range offers {
		last := i == len(offers)-1
		req := u.r.request("POST", distspec.Upload, "")
		base := req.URL
		req.URL += o.query
		send := func() (*fetchshim.Response, error) { return u.r.send(ctx, o.target, req, u.subject) }
		var resp *fetchshim.Response
		if last {
			resp, err = u.r.creating(ctx, send)
		} else {
			resp, err = send()
		}
		if err != nil {
			if !last && refused(err) {
				continue
			}
			return false, err
		}
		mounted, err = u.begins(resp, base, o)
		_ = resp.Body.Close()
		if err == nil || last || resp.Status >= 500 || resp.Status == 429 {
			return mounted, err
		}
	}
	return mounted, err
}

// begins reads the answer to a POST.
func (u *upload) begins(resp *fetchshim.Response, base string, o offer) (mounted bool, err error) {
	switch {
	case resp.Status == 201 && o.query != "":
		return true, nil
	case resp.Status != 202 && resp.Status != 201 && resp.Status != 200:
		if o.query != "" && !strings.Contains(o.query, "from=") {
			u.r.c.pace(u.r.target.Registry).plain.Store(true) // do not ask this one again for every blob
		}
		return false, u.r.failed(resp, u.subject, "blob")
	}
	// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
	if n, err := strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64); err == nil {
		u.minChunk = n
	}
	return false, u.follow(resp, base, true)
}

// follow takes the URL at which the session goes on from a response to a request to asked. A Location is opaque, absolute or
// relative, and may be on another origin, which then gets the blob but no credential.
func (u *upload) follow(resp *fetchshim.Response, asked string, required bool) error {
	location := resp.Header.Get("Location")
	switch {
	case location != "":
	case required && u.r.c.o.HidesHeaders:
		return errs.New(errs.Unsupported, u.subject, "the page may not read the Location header of an upload").
			Hinted("the registry must send Access-Control-Expose-Headers: Location, or be reached through the relay")
	case required:
		return errs.New(errs.Unsupported, u.subject, "the registry begins an upload without saying where (no Location)")
	default:
		return nil // it goes on where it was
	}
	if resp.URL != "" {
		asked = resp.URL
	}
	base, err := url.Parse(asked)
	if err != nil {
		return errs.New(errs.Internal, u.subject, "%w", err)
	}
	to, err := base.Parse(location)
	if err != nil || to.Host == "" || to.User != nil || to.Scheme != "https" && to.Scheme != "http" {
		return errs.New(errs.Unsupported, u.subject, "the registry sends the upload to %q, which is no http or https URL", location)
	}
	to.Fragment, to.RawFragment = "", ""
	origin, err := url.Parse(u.r.target.Origin)
	if err != nil {
		return errs.New(errs.Internal, u.subject, "%w", err)
	}
	if origin.Scheme == "https" && to.Scheme == "http" {
		// Registries behind a proxy that ends TLS are seen that call themselves by plain HTTP.
		if to.Hostname() != origin.Hostname() {
			return errs.New(errs.Denied, u.subject, "the registry is reached over TLS, but sends the upload to %s over plain HTTP", to.Host)
		}
		to.Scheme, to.Host = origin.Scheme, origin.Host
	}
	u.url, u.target = to.String(), u.r.target
	if !auth.SameOrigin(u.r.target.Origin, u.url) {
		u.target = auth.Target{Registry: to.Host}
	}
	return nil
}
