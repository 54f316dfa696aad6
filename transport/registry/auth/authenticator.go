package auth

import (
	"context"
	"encoding/base64"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// Options configure an [Authenticator]. Only Fetcher is required.
type Options struct {
	Fetcher  fetchshim.Fetcher
	Keychain Keychain    // nil: anonymous
	Clock    clock.Clock // nil: clock.System
	// HidesHeaders is true where the host does not show every response header: a challenge may then be there unseen.
	HidesHeaders bool
	UserAgent    string // of requests to token servers; "" for none
}

// Target says which registry a request is for and what it wants there.
type Target struct {
	Registry string // the Keychain's name for it
	Origin   string // scheme://host[:port]: the one place that its credentials and tokens are sent to, realms aside
	Scope    string // what a token has to allow, "repository:NAME:pull"; several with spaces between them
	// Repository is asked about where the Keychain knows repositories; "" for none.
	Repository string
}

// Authenticator sends requests to registries and answers their challenges. It remembers tokens for as long as they are
// valid, in memory. It is safe for concurrent use.
type Authenticator struct {
	o Options

	mu       sync.Mutex
	answers  map[Target]answer
	sessions map[answer]*session
}

// answer is how a challenge is to be answered. A token is kept under all of it: the origin is a part, since another
// registry that names the same realm, service and scope must not be sent a token that this one's credential bought.
type answer struct {
	registry, origin       string
	repository             string // "" where all of the registry have one credential
	scheme                 string // basic or bearer
	realm, service, scopes string
}

// New makes an Authenticator. It does no I/O.
func New(o Options) *Authenticator {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	return &Authenticator{o: o, answers: map[Target]answer{}, sessions: map[answer]*session{}}
}

// Fetch sends req, which must be for t.Origin, with the authorization that is known to serve there, and once more when the
// registry answers 401 with a challenge that can be answered. Every other status is returned as it is; the caller closes
// the body. Kinds: unauthorized (nothing to answer with, or refused), denied (by the token server), unsupported (a
// scheme, or a challenge that the host hides), rate_limited, network. A Fault of the Fetcher is returned as it is.
func (a *Authenticator) Fetch(ctx context.Context, t Target, req *fetchshim.Request) (*fetchshim.Response, error) {
	if !SameOrigin(t.Origin, req.URL) {
		return nil, errs.New(errs.Internal, req.URL, "is not a URL of %s", t.Origin)
	}
	sent, err := a.known(ctx, t)
	if err != nil {
		return nil, err
	}
	resp, err := a.o.Fetcher.Fetch(ctx, authorized(req, sent))
	if err != nil || resp.Status != 401 {
		return resp, err
	}
	text := refusal(resp)
	if resp.URL != "" && !SameOrigin(t.Origin, resp.URL) {
		return nil, errs.New(errs.Unauthorized, t.Registry, "redirects to %s, which asks for a credential; none is sent there", hostOf(resp.URL))
	}
	value, err := a.answer(ctx, t, resp.Header.Values("WWW-Authenticate"), sent, text)
	if err != nil {
		return nil, err
	}
	resp, err = a.o.Fetcher.Fetch(ctx, authorized(req, value))
	if err != nil || resp.Status != 401 {
		return resp, err
	}
	return nil, a.refused(t, value, refusal(resp))
}

// known is the header that served t before, renewed where it has run out; "" where nothing is known.
func (a *Authenticator) known(ctx context.Context, t Target) (string, error) {
	a.mu.Lock()
	ans, ok := a.answers[t]
	a.mu.Unlock()
	if !ok {
		return "", nil
	}
	return a.authorization(ctx, ans, "")
}

// answer finds the header that answers a 401's challenges and remembers how. stale is the header that was just refused.
func (a *Authenticator) answer(ctx context.Context, t Target, headers []string, stale, text string) (string, error) {
	ans, err := a.choose(t, headers, text)
	if err != nil {
		return "", err
	}
	value, err := a.authorization(ctx, ans, stale)
	if err != nil {
		return "", err
	}
	if value == "" || value == stale {
		return "", a.refused(t, stale, text)
	}
	a.mu.Lock()
	a.answers[t] = ans
	a.mu.Unlock()
	return value, nil
}

// choose takes the bearer challenge where there is one, since a registry that offers both prefers it.
func (a *Authenticator) choose(t Target, headers []string, text string) (answer, error) {
	ans := answer{registry: t.Registry, origin: t.Origin}
	if _, ok := a.o.Keychain.(RepositoryKeychain); ok {
		ans.repository = t.Repository
	}
	var schemes []string
	var basic bool
	for _, c := range distspec.ParseChallenges(headers) {
		schemes = append(schemes, c.Scheme)
		switch c.Scheme {
		case bearer:
			if c.Params["realm"] == "" {
				continue
			}
			ans.scheme, ans.realm, ans.service = bearer, c.Params["realm"], c.Params["service"]
			ans.scopes = t.scopes(c.Params["scope"])
			return ans, nil
		case basicScheme:
			basic = true
		}
	}
	switch {
	case basic:
		ans.scheme = basicScheme
		return ans, nil
	case len(headers) == 0 && a.o.HidesHeaders:
		return answer{}, errs.New(errs.Unsupported, t.Registry, "asks for a credential, but the page may not read its WWW-Authenticate header").
			Hinted("the registry must send Access-Control-Expose-Headers: WWW-Authenticate, or be reached through the relay")
	case len(schemes) == 0:
		return answer{}, errs.New(errs.Unauthorized, t.Registry, "%s", or(text, "asks for a credential without saying which (no WWW-Authenticate)"))
	}
	return answer{}, errs.New(errs.Unsupported, t.Registry, "asks for authentication by %s; known are Bearer and Basic", strings.Join(schemes, ", "))
}

// scopes are what a token is asked for: what the challenge names, since registries have scopes of their own (Amazon's is "aws"),
// and the further repositories that the request is about, which not every registry thinks of when a blob is mounted.
func (t Target) scopes(challenge string) string {
	if challenge == "" {
		return t.Scope
	}
	for i, s := range strings.Fields(t.Scope) {
		if i > 0 && !slices.Contains(strings.Fields(challenge), s) {
			challenge += " " + s
		}
	}
	return challenge
}

// refused is the error of a 401 that there is no better answer to.
func (a *Authenticator) refused(t Target, sent, text string) error {
	switch {
	case sent == "":
		return errs.New(errs.Unauthorized, t.Registry, "%s", or(text, "asks for a credential")).
			Hinted("there is no credential for %s: log in, or give one", t.Registry)
	case strings.HasPrefix(sent, "Bearer"):
		return errs.New(errs.Unauthorized, t.Registry, "%s", or(text, "refuses the token it was given")).
			Hinted("the repository may not exist, or your credential may not be allowed to read it")
	}
	return errs.New(errs.Unauthorized, t.Registry, "%s", or(text, "refuses the credential"))
}

func authorized(req *fetchshim.Request, value string) *fetchshim.Request {
	if value == "" {
		return req
	}
	r := *req
	r.Header = req.Header.Clone()
	r.Header.Set("Authorization", value)
	return &r
}

// refusal reads what a response says and closes it.
func refusal(resp *fetchshim.Response) string {
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, oci.MaxError))
	if err != nil && len(raw) == 0 {
		return ""
	}
	return distspec.ErrorText(raw)
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// SameOrigin says whether two URLs have scheme, host and port in common.
func SameOrigin(origin, rawURL string) bool {
	a, errA := url.Parse(origin)
	b, errB := url.Parse(rawURL)
	return errA == nil && errB == nil && originOf(a) == originOf(b)
}

// originOf is scheme, host and port (https://html.spec.whatwg.org/#origin).
func originOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	case u.Scheme == "http":
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "another host"
	}
	return u.Host
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
