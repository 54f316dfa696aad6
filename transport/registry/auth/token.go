package auth

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

const (
	clientID = "stevedore"
	// defaultLife is what a token without expires_in lives
	// (https://distribution.github.io/distribution/spec/auth/token/#token-response-fields).
	defaultLife = 60 * time.Second
	maxLife     = 24 * time.Hour
	// maxToken is the size of a token server's answer, in bytes; a token goes into a header, and servers take no more there.
	maxToken = 64 << 10
)

type token struct {
	value   string
	expires time.Time
}

// token asks the realm for a token: by GET (https://distribution.github.io/distribution/spec/auth/token/), or with an
// identity token by POST (https://distribution.github.io/distribution/spec/auth/oauth/).
func (a *Authenticator) token(ctx context.Context, ans answer, c Credential) (token, error) {
	realm, err := parseRealm(ans)
	if err != nil {
		return token{}, err
	}
	if c != (Credential{}) {
		if err := mayReceive(ans, realm); err != nil {
			return token{}, err
		}
	}
	req := getToken(ans, *realm, c)
	if c.IdentityToken != "" {
		req = postToken(ans, *realm, c)
	}
	req.Header.Add("Accept", "application/json")
	if a.o.UserAgent != "" {
		req.Header.Add("User-Agent", a.o.UserAgent)
	}
	asked := a.o.Clock.Now()
	resp, err := a.o.Fetcher.Fetch(ctx, req)
	if err != nil {
		return token{}, err
	}
	if resp.Status != 200 {
		return token{}, tokenRefused(ans, realm.Host, resp.Status, refusal(resp))
	}
	defer resp.Body.Close()
	raw, err := oci.ReadLimited(resp.Body, maxToken, "the token of "+realm.Host)
	if err != nil {
		return token{}, errs.Wrap(ans.registry, err)
	}
	return readToken(raw, asked, ans, realm.Host)
}

// parseRealm checks what a registry gave as its realm before anything is sent there.
func parseRealm(ans answer) (*url.URL, error) {
	u, err := url.Parse(ans.realm)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errs.New(errs.Unsupported, ans.registry, "its challenge names the realm %q, which is no http or https URL", ans.realm)
	}
	u.Fragment, u.RawFragment = "", ""
	if strings.HasPrefix(ans.origin, "https:") && u.Scheme != "https" {
		return nil, errs.New(errs.Unauthorized, ans.registry, "is reached over TLS, but sends to a token server over plain HTTP, %s", u.Host)
	}
	return u, nil
}

// mayReceive says whether a credential of the registry may go to the realm: on the same host, on one that was named over
// TLS, or where both are this machine. Otherwise whoever can change plain HTTP could have credentials sent to himself.
func mayReceive(ans answer, realm *url.URL) error {
	o, err := url.Parse(ans.origin)
	if err != nil {
		return errs.New(errs.Internal, ans.registry, "the origin %q: %v", ans.origin, err)
	}
	same := strings.EqualFold(o.Hostname(), realm.Hostname())
	if same || o.Scheme == "https" || ref.Loopback(o.Host) && ref.Loopback(realm.Host) {
		return nil
	}
	return errs.New(errs.Unauthorized, ans.registry, "names the token server %s over plain HTTP; no credential is sent to another host that way", realm.Host).
		Hinted("reach the registry over TLS, or without a credential")
}

func getToken(ans answer, realm url.URL, c Credential) *fetchshim.Request {
	q := realm.Query()
	if ans.service != "" {
		q.Set("service", ans.service)
	}
	for _, s := range strings.Fields(ans.scopes) {
		q.Add("scope", s)
	}
	req := &fetchshim.Request{Method: "GET"}
	if c.Username != "" || c.Password != "" {
		q.Set("account", c.Username)
		req.Header.Add("Authorization", basicHeader(c.Username, c.Password))
	}
	realm.RawQuery = q.Encode()
	req.URL = realm.String()
	return req
}

// postToken does not follow redirects: they would carry the identity token, which is in the body, to another origin.
func postToken(ans answer, realm url.URL, c Credential) *fetchshim.Request {
	q := url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {c.IdentityToken}}
	q.Set("service", ans.service)
	if ans.scopes != "" {
		q.Set("scope", ans.scopes)
	}
	req := &fetchshim.Request{Method: "POST", URL: realm.String(), Body: fetchshim.Bytes(q.Encode()), Redirect: fetchshim.Manual}
	req.Header.Add("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func tokenRefused(ans answer, host string, status int, text string) error {
	kind := errs.Unauthorized
	switch {
	case status == 403:
		kind = errs.Denied
	case status == 429:
		kind = errs.RateLimited
	case status >= 500:
		kind = errs.Network
	}
	if text != "" {
		text = ": " + text
	}
	err := errs.New(kind, ans.registry, "the token server %s answers %d%s", host, status, text)
	if kind == errs.RateLimited || kind == errs.Network {
		return &Busy{err}
	}
	return err
}

func readToken(raw []byte, now time.Time, ans answer, host string) (token, error) {
	var body struct {
		Token       string      `json:"token"`
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
		IssuedAt    string      `json:"issued_at"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return token{}, errs.New(errs.Unauthorized, ans.registry, "the token server %s answers no JSON", host)
	}
	value := or(body.Token, body.AccessToken)
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return token{}, errs.New(errs.Unauthorized, ans.registry, "the token server %s answers no usable token", host)
	}
	life := defaultLife
	if n, err := body.ExpiresIn.Float64(); err == nil && n > 0 {
		life = time.Duration(min(n, maxLife.Seconds()) * float64(time.Second))
	}
	start := now
	// A token from the server's own cache was issued a while ago. An issue time further back than the token lives tells of
	// clocks that disagree, and is not believed.
	if at, err := time.Parse(time.RFC3339, body.IssuedAt); err == nil && at.Before(now) && now.Sub(at) < life {
		start = at
	}
	return token{value, start.Add(life - life/10)}, nil
}
