package relay

import (
	"net/url"
	"strings"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// maxQuery is the length of a query in bytes: paging cursors and scopes are long in some registries, but not longer.
const maxQuery = 4 << 10

// target is what a request asks for.
type target struct {
	method, url string
	host        string // for messages
	named       bool   // for a registry that the user named, or for the token endpoint of one
	rule        rule
}

// writes says whether the request changes a registry, or goes on with a change.
func (t target) writes() bool {
	_, ok := t.rule.writes[t.method]
	return ok
}

// target reads /relay/SCHEME/HOST[:PORT]/PATH?QUERY. Nothing of the path is forwarded as it came: what names an endpoint of
// the API is written anew from its parts, and what does not must be a token endpoint.
func (r *Relay) target(u *url.URL, req *fetchshim.Request) (target, error) {
	path := u.EscapedPath()
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return target{}, malformed("the path does not begin with %s", Prefix)
	}
	scheme, rest, _ := strings.Cut(rest, "/")
	hostport, path, ok := strings.Cut(rest, "/")
	if !ok || scheme != "http" && scheme != "https" {
		return target{}, malformed("the path is not %sSCHEME/HOST/v2/…", Prefix)
	}
	h, err := parseHost(hostport)
	if err != nil {
		return target{}, err
	}
	if len(u.RawQuery) > maxQuery {
		return target{}, malformed("the query is longer than %d bytes", maxQuery)
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil || strings.ContainsAny(u.RawQuery, "\\#") {
		return target{}, malformed("the query cannot be read")
	}
	t := target{method: req.Method, host: h.String(), url: scheme + "://" + h.String()}
	if sealed := req.Header.Get(Realm); sealed != "" {
		return r.tokenTarget(t, req, "/"+path, u.RawQuery, sealed)
	}
	p, err := endpoint("/" + path)
	if err != nil {
		return target{}, err
	}
	t.rule = ruleOf(p.Kind, r.push[h.key(scheme)])
	if err := t.rule.check(req); err != nil {
		if _, would := ruleOf(p.Kind, true).writes[t.method]; would {
			err = refusalOf(err).hinted("to write there, name it: --allow-push %s", h)
		}
		return target{}, err
	}
	t.url += p.String()
	if u.RawQuery != "" {
		t.url += "?" + u.RawQuery
	}
	t.named = r.inside.has(h, scheme)
	return t, r.allow(t)
}

// endpoint reads a path of the API. A name, tag or digest holds nothing that needs an escape, so none is taken.
func endpoint(path string) (distspec.Path, error) {
	if strings.ContainsAny(path, `%\`) {
		return distspec.Path{}, malformed("the path holds an escape or a backslash; no path of the registry API does")
	}
	p := distspec.ParsePath(path)
	tag, digest := p.Kind == distspec.Manifest && !strings.Contains(p.Ref, ":"), p.Ref
	switch p.Kind {
	case distspec.Unknown:
		return p, rule{}.check(&fetchshim.Request{})
	case distspec.Base, distspec.Catalog:
		return p, nil
	case distspec.Tags:
		digest = ""
	case distspec.Upload:
		digest = ""
		if !session(p.Ref) {
			return p, malformed("%q is not an upload session", p.Ref)
		}
	}
	switch {
	case !ref.ValidRepository(p.Name):
		return p, malformed("%q is not a repository name", p.Name)
	case tag && !ref.ValidTag(p.Ref):
		return p, malformed("%q is not a tag", p.Ref)
	case !tag && digest != "" && oci.CheckDigest(digest) != nil:
		return p, malformed("%q is not a digest", digest)
	}
	return p, nil
}

// session accepts what registries call uploads: a UUID, or something encoded. "" begins one.
func session(s string) bool {
	return s != "." && s != ".." && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~=") == ""
}

// tokenTarget takes what a challenge announced, with the parameters that a token request has
// (https://distribution.github.io/distribution/spec/auth/token/#requesting-a-token).
func (r *Relay) tokenTarget(t target, req *fetchshim.Request, path, query, sealed string) (target, error) {
	t.rule = tokenRule()
	if err := t.rule.check(req); err != nil {
		return t, err
	}
	t.url += path
	if query != "" {
		t.url += "?" + query
	}
	registry, ok := r.seal.announced(sealed, t.url)
	if !ok {
		return t, forbidden("no registry announced " + t.host + " as its token endpoint")
	}
	u, err := url.Parse(registry)
	if err != nil {
		return t, malformed("the seal names no registry")
	}
	h, err := parseHost(u.Host)
	if err != nil {
		return t, err
	}
	t.named = r.inside.has(h, u.Scheme)
	return t, r.allow(t)
}

// allow asks the way out before a request is made, so that a refusal needs no connection.
func (r *Relay) allow(t target) error {
	u, err := url.Parse(t.url)
	if err != nil {
		return malformed("the URL cannot be read")
	}
	if t.named {
		return r.inside.allow(u)
	}
	return r.outside.allow(u)
}
