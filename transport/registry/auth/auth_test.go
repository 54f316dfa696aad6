package auth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// fakeClock stands still until somebody sets it.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *fakeClock) Sleep(context.Context, time.Duration) error { return nil }

func (c *fakeClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// world is a registry at reg.example and a token server at auth.example. The registry takes the tokens that the server
// gave for the repository that is asked for, and Basic user:pass where basic is set.
type world struct {
	clock     fakeClock
	challenge []string // in place of the usual one
	basic     bool
	refuse    bool   // takes nothing
	answer    string // what the token server says; %s is the token
	status    int    // of the token server, 0 for 200
	expires   time.Duration

	mu     sync.Mutex
	given  int
	valid  map[string]time.Time
	log    []string             // requests, "registry" and "token" by host
	tokens []*fetchshim.Request // requests of the token server
}

func newWorld() *world {
	return &world{clock: fakeClock{now: time.Unix(1e9, 0)}, answer: `{"token":"%s","expires_in":300}`, expires: 300 * time.Second, valid: map[string]time.Time{}}
}

func (w *world) Fetch(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, err
	}
	w.log = append(w.log, u.Hostname()+" "+strings.SplitN(req.Header.Get("Authorization"), " ", 2)[0])
	switch {
	case u.Path == "/token":
		w.tokens = append(w.tokens, req)
		if w.status != 0 {
			return respond(w.status, `{"details":"because"}`), nil
		}
		w.given++
		t := fmt.Sprintf("t%d", w.given)
		w.valid[u.Query().Get("scope")+" "+t] = w.clock.Now().Add(w.expires)
		return respond(200, strings.ReplaceAll(w.answer, "%s", t)), nil
	case w.takes(req, u):
		return respond(200, "content"), nil
	}
	r := respond(401, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}`)
	for _, c := range w.challenge {
		r.Header.Add("WWW-Authenticate", c)
	}
	if w.challenge == nil {
		r.Header.Add("Www-Authenticate", fmt.Sprintf(`Bearer realm="https://auth.example/token",service="reg",scope="%s"`, scopeOf(u)))
	}
	return r, nil
}

func (w *world) takes(req *fetchshim.Request, u *url.URL) bool {
	sent := req.Header.Get("Authorization")
	if w.refuse {
		return false
	}
	if w.basic {
		return sent == "Basic "+base64.StdEncoding.EncodeToString([]byte("user:pass"))
	}
	until, ok := w.valid[scopeOf(u)+" "+strings.TrimPrefix(sent, "Bearer ")]
	return ok && w.clock.Now().Before(until)
}

// scopeOf is repository:NAME:pull of /v2/NAME/….
func scopeOf(u *url.URL) string {
	return "repository:" + strings.Split(u.Path, "/")[2] + ":pull"
}

func respond(status int, body string) *fetchshim.Response {
	return &fetchshim.Response{Status: status, Body: io.NopCloser(strings.NewReader(body))}
}

func (w *world) auth(k auth.Keychain) *auth.Authenticator {
	return auth.New(auth.Options{Fetcher: fetchshim.Func(w.Fetch), Keychain: k, Clock: &w.clock})
}

func get(a *auth.Authenticator, repository string) error {
	return getAt(a, "https://reg.example", repository)
}

func getAt(a *auth.Authenticator, origin, repository string) error {
	u, _ := url.Parse(origin)
	resp, err := a.Fetch(context.Background(), auth.Target{Registry: u.Host, Origin: origin, Scope: "repository:" + repository + ":pull"},
		&fetchshim.Request{Method: "GET", URL: origin + "/v2/" + repository + "/manifests/latest"})
	if err != nil {
		return err
	}
	if resp.Status != 200 {
		return fmt.Errorf("status %d", resp.Status)
	}
	return resp.Body.Close()
}

func TestTokensAreCachedByScope(t *testing.T) {
	w := newWorld()
	a := w.auth(nil)
	for range 3 {
		require.NoError(t, get(a, "one"))
	}
	require.Equal(t, 1, w.given, "one token for one scope")
	require.Equal(t, []string{"reg.example ", "auth.example ", "reg.example Bearer", "reg.example Bearer", "reg.example Bearer"}, w.log,
		"no 401 once a token is there")
	require.NoError(t, get(a, "two"))
	require.NoError(t, get(a, "one"))
	require.Equal(t, 2, w.given, "another scope has another token, and the first stays")
	q, err := url.Parse(w.tokens[0].URL)
	require.NoError(t, err)
	require.Equal(t, "repository:one:pull", q.Query().Get("scope"))
	require.Equal(t, "reg", q.Query().Get("service"))
	require.Empty(t, q.Query().Get("account"))
}

func TestExpiresInIsHonoured(t *testing.T) {
	for name, c := range map[string]struct {
		answer      string
		fresh, gone time.Duration // a token still serves after the first, and is renewed without a 401 after the second
	}{
		"expires_in":                 {`{"token":"%s","expires_in":300}`, 260 * time.Second, 280 * time.Second},
		"as text":                    {`{"token":"%s","expires_in":"300"}`, 260 * time.Second, 280 * time.Second},
		"none means a minute":        {`{"token":"%s"}`, 50 * time.Second, 58 * time.Second},
		"zero means a minute":        {`{"token":"%s","expires_in":0}`, 50 * time.Second, 58 * time.Second},
		"access_token":               {`{"access_token":"%s","expires_in":300}`, 260 * time.Second, 280 * time.Second},
		"issued a while ago":         {`{"token":"%s","expires_in":300,"issued_at":"` + time.Unix(1e9-100, 0).UTC().Format(time.RFC3339) + `"}`, 160 * time.Second, 180 * time.Second},
		"issued by a clock far away": {`{"token":"%s","expires_in":300,"issued_at":"1999-01-01T00:00:00Z"}`, 260 * time.Second, 280 * time.Second},
		"issued in the future":       {`{"token":"%s","expires_in":300,"issued_at":"2099-01-01T00:00:00Z"}`, 260 * time.Second, 280 * time.Second},
		"for a century":              {`{"token":"%s","expires_in":3e9}`, 20 * time.Hour, 25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.answer, w.expires = c.answer, 100*24*time.Hour
			a := w.auth(nil)
			require.NoError(t, get(a, "one"))
			w.clock.pass(c.fresh)
			require.NoError(t, get(a, "one"))
			require.Equal(t, 1, w.given)
			w.clock.pass(c.gone - c.fresh)
			require.NoError(t, get(a, "one"))
			require.Equal(t, 2, w.given)
			require.Equal(t, "reg.example Bearer", w.log[len(w.log)-1])
			require.Equal(t, "auth.example ", w.log[len(w.log)-2], "renewed before it was refused")
		})
	}
}

// TestARevokedTokenIsReplaced: the registry refuses a token before its time.
func TestARevokedTokenIsReplaced(t *testing.T) {
	w := newWorld()
	a := w.auth(nil)
	require.NoError(t, get(a, "one"))
	clear(w.valid)
	require.NoError(t, get(a, "one"))
	require.Equal(t, 2, w.given)
}

func TestManyAtOnceAskForOneToken(t *testing.T) {
	w := newWorld()
	a := w.auth(nil)
	require.NoError(t, get(a, "one"))
	w.clock.pass(time.Hour)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { require.NoError(t, get(a, "one")) })
	}
	group.Wait()
	require.Equal(t, 2, w.given)
}

// TestA401LoopEnds: a registry that refuses everything is asked twice, and the error says why.
func TestA401LoopEnds(t *testing.T) {
	for name, k := range map[string]auth.Keychain{"anonymous": nil, "with a credential": auth.Static{Username: "user", Password: "pass"}} {
		w := newWorld()
		w.refuse = true
		err := get(w.auth(k), "one")
		require.Equal(t, errs.Unauthorized, errs.Of(err), name)
		require.EqualError(t, err, "reg.example: UNAUTHORIZED: who are you")
		require.Contains(t, errs.HintOf(err), "may not exist")
		require.Len(t, w.log, 3, name)
		w.challenge = []string{`Basic realm="x"`}
		err = get(w.auth(k), "one")
		require.Equal(t, errs.Unauthorized, errs.Of(err), name)
	}
	w := newWorld()
	w.refuse, w.challenge = true, []string{`Basic realm="x"`}
	err := get(w.auth(nil), "one")
	require.Contains(t, errs.HintOf(err), "there is no credential for reg.example")
	require.Len(t, w.log, 1, "there is nothing to answer with")
}

func TestChallenges(t *testing.T) {
	const bearer = `Bearer realm="https://auth.example/token",service="reg",scope="repository:one:pull"`
	for name, c := range map[string]struct {
		challenge []string
		basic     bool
	}{
		"two in one header":              {[]string{`Basic realm="a, b=\"c\" Bearer realm=no", ` + bearer}, false},
		"two headers":                    {[]string{`Basic realm="x"`, bearer}, false},
		"behind one nobody knows":        {[]string{`Negotiate, ` + bearer}, false},
		"no scope: the request's":        {[]string{`bearer Realm=https://auth.example/token`}, false},
		"basic":                          {[]string{`Basic realm="x, y"`}, true},
		"a bearer without realm is none": {[]string{`Bearer error="x", Basic realm="y"`}, true},
		"basic behind one nobody knows":  {[]string{`NTLM`, `BASIC realm=x`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.challenge, w.basic = c.challenge, c.basic
			require.NoError(t, get(w.auth(auth.Static{Username: "user", Password: "pass"}), "one"))
		})
	}
	for name, c := range map[string]struct {
		challenge []string
		kind      errs.Kind
		says      string
	}{
		"none":                   {[]string{}, errs.Unauthorized, "who are you"},
		"unknown":                {[]string{`Negotiate`}, errs.Unsupported, "authentication by negotiate"},
		"a realm of files":       {[]string{`Bearer realm="file:///etc/passwd"`}, errs.Unsupported, "no http or https URL"},
		"a realm with a user":    {[]string{`Bearer realm="https://u:p@auth.example/token"`}, errs.Unsupported, "no http or https URL"},
		"a realm in the clear":   {[]string{`Bearer realm="http://auth.example/token"`}, errs.Unauthorized, "plain HTTP"},
		"a realm that is no URL": {[]string{`Bearer realm="://"`}, errs.Unsupported, "no http or https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.challenge = c.challenge
			err := get(w.auth(auth.Static{Username: "user", Password: "pass"}), "one")
			require.Equal(t, c.kind, errs.Of(err), "%v", err)
			require.ErrorContains(t, err, "reg.example: ")
			require.ErrorContains(t, err, c.says)
			require.Empty(t, w.tokens)
		})
	}
}

func TestHiddenChallenge(t *testing.T) {
	w := newWorld()
	w.challenge = []string{}
	a := auth.New(auth.Options{Fetcher: fetchshim.Func(w.Fetch), HidesHeaders: true})
	err := get(a, "one")
	require.Equal(t, errs.Unsupported, errs.Of(err))
	require.Contains(t, errs.HintOf(err), "Access-Control-Expose-Headers: WWW-Authenticate")
}

func TestTokenServerAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		answer string
		kind   errs.Kind
		says   string
	}{
		"401":             {401, "", errs.Unauthorized, "auth.example answers 401: because"},
		"403":             {403, "", errs.Denied, "auth.example answers 403: because"},
		"404":             {404, "", errs.Unauthorized, "auth.example answers 404: because"},
		"429":             {429, "", errs.RateLimited, "auth.example answers 429: because"},
		"500":             {500, "", errs.Network, "auth.example answers 500: because"},
		"redirect":        {302, "", errs.Unauthorized, "auth.example answers 302"},
		"html":            {0, "<html>log in</html>", errs.Unauthorized, "auth.example answers no JSON"},
		"empty":           {0, "", errs.Unauthorized, "auth.example answers no JSON"},
		"no token":        {0, "{}", errs.Unauthorized, "auth.example answers no usable token"},
		"header injected": {0, `{"token":"x\r\nEvil: y"}`, errs.Unauthorized, "auth.example answers no usable token"},
		"huge":            {0, `{"token":"` + strings.Repeat("x", 1<<20) + `"}`, errs.Input, "the token of auth.example: is larger"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.status, w.answer = c.status, c.answer
			err := get(w.auth(nil), "one")
			require.Equal(t, c.kind, errs.Of(err), "%v", err)
			require.ErrorContains(t, err, "reg.example: ")
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Run("user and password", func(t *testing.T) {
		w := newWorld()
		require.NoError(t, get(w.auth(auth.Static{Username: "user", Password: "p:ss"}), "one"))
		require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("user:p:ss")), w.tokens[0].Header.Get("Authorization"))
		require.Contains(t, w.tokens[0].URL, "account=user")
	})
	t.Run("identity token", func(t *testing.T) {
		w := newWorld()
		w.answer = `{"access_token":"%s","expires_in":300}`
		w.valid = map[string]time.Time{}
		err := get(w.auth(auth.Static{IdentityToken: "secret"}), "one")
		require.Error(t, err, "this world knows scopes of GET only")
		req := w.tokens[0]
		require.Equal(t, "POST", req.Method)
		require.Equal(t, fetchshim.Manual, req.Redirect, "a redirect would carry the token away")
		rc, err := req.Body.Open(t.Context())
		require.NoError(t, err)
		b, err := io.ReadAll(rc)
		require.NoError(t, err)
		form, err := url.ParseQuery(string(b))
		require.NoError(t, err)
		require.Equal(t, url.Values{"grant_type": {"refresh_token"}, "client_id": {"stevedore"}, "refresh_token": {"secret"}, "service": {"reg"}, "scope": {"repository:one:pull"}}, form)
	})
	t.Run("registry token", func(t *testing.T) {
		w := newWorld()
		w.valid["repository:one:pull given"] = w.clock.Now().Add(time.Hour)
		require.NoError(t, get(w.auth(auth.Static{RegistryToken: "given"}), "one"))
		require.Empty(t, w.tokens)
	})
	t.Run("a keychain that needs its user", func(t *testing.T) {
		w := newWorld()
		err := get(w.auth(broken{}), "one")
		require.Equal(t, errs.Input, errs.Of(err))
		require.ErrorContains(t, err, "reg.example: ")
	})
}

type broken struct{}

func (broken) Credential(context.Context, string) (auth.Credential, error) {
	return auth.Credential{}, errs.New(errs.Input, "auth.json", "is broken")
}

// byRepository has another user for each repository.
type byRepository struct{ auth.Static }

func (byRepository) RepositoryCredential(_ context.Context, _, repository string) (auth.Credential, error) {
	return auth.Credential{Username: "user", Password: repository}, nil
}

func TestRepositoriesWithCredentialsOfTheirOwn(t *testing.T) {
	var sent []string
	a := auth.New(auth.Options{Keychain: byRepository{}, Fetcher: fetchshim.Func(func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if h := req.Header.Get("Authorization"); h != "" {
			sent = append(sent, h)
			return respond(200, ""), nil
		}
		r := respond(401, "")
		r.Header.Add("WWW-Authenticate", "Basic")
		return r, nil
	})})
	for _, repository := range []string{"one", "two", "one"} {
		_, err := a.Fetch(t.Context(), auth.Target{Registry: "reg.example", Origin: "https://reg.example", Repository: repository}, &fetchshim.Request{URL: "https://reg.example/v2/"})
		require.NoError(t, err)
	}
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	require.Equal(t, []string{basic("user:one"), basic("user:two"), basic("user:one")}, sent)
}

// TestCredentialsStay: over plain HTTP anybody on the way can name a realm, so no credential goes to another host then.
func TestCredentialsStay(t *testing.T) {
	w := newWorld()
	w.challenge = []string{`Bearer realm="http://evil.example/token",service="reg",scope="repository:one:pull"`}
	err := getAt(w.auth(auth.Static{Username: "user", Password: "pass"}), "http://reg.example", "one")
	require.Equal(t, errs.Unauthorized, errs.Of(err))
	require.ErrorContains(t, err, "no credential is sent to another host")
	require.Empty(t, w.tokens)
	require.NoError(t, getAt(w.auth(nil), "http://reg.example", "one"), "an anonymous token may come from anywhere")

	w = newWorld()
	w.challenge = []string{`Bearer realm="http://localhost:7/token",service="reg",scope="repository:one:pull"`}
	require.NoError(t, getAt(w.auth(auth.Static{Username: "user", Password: "pass"}), "http://127.0.0.1:5000", "one"), "this machine")

	// A second registry that names the same realm, service and scope is not sent the first one's token.
	w = newWorld()
	a := w.auth(auth.Static{Username: "user", Password: "pass"})
	require.NoError(t, getAt(a, "https://reg.example", "one"))
	require.NoError(t, getAt(a, "https://other.example", "one"))
	require.Equal(t, 2, w.given)
	require.Equal(t, "other.example ", w.log[3])

	// A request for another origin is a mistake of the caller, and is not sent.
	_, err = a.Fetch(t.Context(), auth.Target{Registry: "reg.example", Origin: "https://reg.example"}, &fetchshim.Request{URL: "https://reg.example.evil/v2/"})
	require.Equal(t, errs.Internal, errs.Of(err))
}

// TestARedirectIsNotAuthenticated: a 401 of the host that a registry redirects to is not answered.
func TestARedirectIsNotAuthenticated(t *testing.T) {
	calls := 0
	a := auth.New(auth.Options{Keychain: auth.Static{Username: "user", Password: "pass"}, Fetcher: fetchshim.Func(func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		calls++
		r := respond(401, "")
		r.URL = "https://evil.example/blob"
		r.Header.Add("WWW-Authenticate", `Basic realm="x"`)
		return r, nil
	})})
	err := get(a, "one")
	require.Equal(t, errs.Unauthorized, errs.Of(err))
	require.ErrorContains(t, err, "redirects to evil.example, which asks for a credential")
	require.Equal(t, 1, calls)
}

// TestSessionsArePruned: a registry that names a new realm each time does not fill the memory.
func TestSessionsArePruned(t *testing.T) {
	w := newWorld()
	a := w.auth(nil)
	for i := range 2000 {
		require.NoError(t, get(a, fmt.Sprintf("r%d", i)))
		w.clock.pass(time.Minute)
	}
	require.LessOrEqual(t, a.Sessions(), 256)
}

// FuzzToken: whatever a token server answers, the token can go into a header and its life is bounded.
func FuzzToken(f *testing.F) {
	for _, s := range []string{`{"token":"x","expires_in":60}`, `{"access_token":"y","issued_at":"2001-09-09T01:46:40Z"}`, `{"token":"a b"}`, `{"token":"x","expires_in":-1e400}`, "<html>", `{"expires_in":"x"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		w := newWorld()
		w.answer, w.refuse = answer, true
		err := get(w.auth(nil), "one")
		require.Contains(t, []errs.Kind{errs.Unauthorized, errs.Input}, errs.Of(err), "%v", err)
	})
}
