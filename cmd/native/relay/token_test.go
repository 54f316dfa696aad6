package relay_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
)

const (
	authAddr  = "151.101.1.69"
	tokenPath = "/relay/https/auth.example.com/token"
	wanted    = "?account=me&scope=repository%3Aa%2Fb%3Apull&service=reg"
)

// challenging is a world whose registry asks for a token of auth.example.com.
func challenging(t *testing.T, challenge string) *world {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			rw.Header().Set("WWW-Authenticate", challenge)
			rw.WriteHeader(401)
		}
	})
	w.site("auth.example.com", authAddr, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(rw, r, "/token", http.StatusFound)
		case "/large":
			io.WriteString(rw, strings.Repeat("x", 64<<10+1))
		default:
			io.WriteString(rw, `{"token":"t"}`)
		}
	})
	return w
}

const announced = `Bearer realm="https://auth.example.com/token",service="reg",scope="repository:a/b:pull"`

// sealOf is what the relay gives with the registry's challenge.
func sealOf(t *testing.T, r *relay.Relay) string {
	a := send(t, r, ask("GET", manifest))
	require.Equal(t, 401, a.Status)
	return a.Header.Get(relay.Realm)
}

func TestToken(t *testing.T) {
	w := challenging(t, announced)
	r := w.relay(nil)
	seal := sealOf(t, r)
	require.NotEmpty(t, seal)
	a := send(t, r, ask("GET", tokenPath+wanted, field(relay.Realm, seal), field("Authorization", "Basic bWU6cHc=")))
	require.Equal(t, 200, a.Status, a.body)
	require.Equal(t, `{"token":"t"}`, a.body)
	require.Equal(t, "Basic bWU6cHc=", w.last().Header.Get("Authorization"))
	require.Empty(t, w.last().Header.Get(relay.Realm))
	require.Equal(t, "me", w.last().URL.Query().Get("account"))
}

// TestTokenUnannounced: only what a registry named as its token endpoint is asked, as it named it.
func TestTokenUnannounced(t *testing.T) {
	w := challenging(t, announced)
	r := w.relay(nil)
	seal := sealOf(t, r)
	other := w.relay(nil) // another run
	w.dialled = nil
	for name, c := range map[string]struct{ path, seal string }{
		"nothing announced":       {tokenPath + wanted, ""},
		"a made-up seal":          {tokenPath + wanted, "e30.e30"},
		"a changed seal":          {tokenPath + wanted, "x" + seal},
		"no seal in it":           {tokenPath + wanted, "."},
		"another run's seal":      {tokenPath + wanted, sealOf(t, other)},
		"another host":            {"/relay/https/other.example.com/token" + wanted, seal},
		"another port":            {"/relay/https/auth.example.com:8443/token" + wanted, seal},
		"another scheme":          {"/relay/http/auth.example.com/token" + wanted, seal},
		"another path":            {"/relay/https/auth.example.com/admin" + wanted, seal},
		"below it":                {tokenPath + "/x" + wanted, seal},
		"the path escaped":        {"/relay/https/auth.example.com/%74oken" + wanted, seal},
		"dots to it":              {"/relay/https/auth.example.com/x/../token" + wanted, seal},
		"another service":         {tokenPath + "?service=other&scope=x", seal},
		"no service":              {tokenPath + "?scope=x", seal},
		"two services":            {tokenPath + "?service=reg&service=other", seal},
		"a parameter of no token": {tokenPath + wanted + "&command=delete", seal},
	} {
		t.Run(name, func(t *testing.T) {
			w.dialled = nil
			req := ask("GET", c.path, field(relay.Realm, c.seal))
			status, kind, _ := refusal(t, r, req)
			require.Contains(t, []int{400, 403}, status)
			require.Equal(t, "refused", kind)
			w.nothing()
		})
	}
	for _, m := range []string{"POST", "HEAD", "PUT"} {
		status, _, _ := refusal(t, r, ask(m, tokenPath+wanted, field(relay.Realm, seal)))
		require.Equal(t, 405, status)
	}
}

// TestTokenForms: a realm's own query is a part of it, a registry need not name a service, and has no more say than that.
func TestTokenForms(t *testing.T) {
	for challenge, path := range map[string]string{
		`Bearer realm="https://auth.example.com/token?tenant=1"`:                                   tokenPath + "?tenant=1&scope=x",
		`Bearer realm="https://AUTH.example.com:443/token"`:                                        tokenPath,
		`Bearer realm="https://auth.example.com"`:                                                  "/relay/https/auth.example.com/",
		`Basic realm="x", Bearer realm="https://auth.example.com/token",service="s"`:               tokenPath + "?service=s",
		`Bearer realm="https://a.example.com/", Bearer realm="https://auth.example.com/token"`:     tokenPath,
		`Bearer realm="https://registry.example.com/v2/token",service="registry.example.com"`:      base + "token?service=registry.example.com",
		`Bearer realm="https://auth.example.com/token",service="` + strings.Repeat("s", 100) + `"`: tokenPath + "?service=" + strings.Repeat("s", 100),
	} {
		r := challenging(t, challenge).relay(nil)
		a := send(t, r, ask("GET", path, field(relay.Realm, sealOf(t, r)), field("Authorization", "Basic x")))
		require.Equal(t, 200, a.Status, challenge+a.body)
	}
	for challenge, path := range map[string]string{
		`Bearer realm="https://auth.example.com/token?tenant=1"`: tokenPath,
		`Bearer realm="https://auth.example.com/large"`:          "/relay/https/auth.example.com/large",
		`Bearer realm="https://auth.example.com/moved"`:          "/relay/https/auth.example.com/moved",
		`Bearer realm="http://auth.example.com/token"`:           "/relay/http/auth.example.com/token",
		`Bearer realm="https://127.0.0.1/token"`:                 "/relay/https/127.0.0.1/token",
		`Bearer realm="https://u:p@auth.example.com/token"`:      tokenPath,
	} {
		r := challenging(t, challenge).relay(nil)
		req := ask("GET", path, field(relay.Realm, sealOf(t, r)))
		a := send(t, r, req)
		if a.err == nil { // else it was found too large on the way
			require.Equal(t, "refused", a.Header.Get(relay.Mark), challenge)
		}
	}
	for _, challenge := range []string{`Basic realm="https://auth.example.com/token"`, `Bearer service="x"`, "nonsense", `Bearer realm="` + strings.Repeat("x", 3000) + `"`} {
		r := challenging(t, challenge).relay(nil)
		require.Empty(t, sealOf(t, r), challenge)
	}
}

// TestTokenOfStranger: where a redirect ends is not the registry, and what it says there announces nothing.
func TestTokenOfStranger(t *testing.T) {
	w := redirecting(t, "https://cdn.example.com/who", 307)
	a := send(t, w.relay(nil), ask("GET", blob))
	require.Equal(t, 401, a.Status)
	require.Empty(t, a.Header.Get(relay.Realm))
	require.Equal(t, "https://cdn.example.com/who", a.Header.Get("X-Stevedore-Url"))
}

// TestTokenBound: a registry that nobody named cannot have a named one asked, by calling it its token server.
func TestTokenBound(t *testing.T) {
	const inside = "https://inside.example.com/admin/delete"
	w := challenging(t, `Bearer realm="`+inside+`"`)
	w.site("inside.example.com", "10.0.0.9", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("WWW-Authenticate", `Bearer realm="`+inside+`"`)
		if r.URL.Path == "/v2/" {
			rw.WriteHeader(401)
		}
	})
	r := w.relay(func(o *relay.Options) { o.Allow = []string{"inside.example.com"} })
	u, err := url.Parse(inside)
	require.NoError(t, err)
	path := "/relay/https/" + u.Host + u.Path
	status, _, message := refusal(t, r, ask("GET", path, field(relay.Realm, sealOf(t, r))))
	require.Equal(t, 403, status)
	require.Contains(t, message, "is not an address of the Internet")

	own := send(t, r, ask("GET", "/relay/https/inside.example.com/v2/"))
	a := send(t, r, ask("GET", path, field(relay.Realm, own.Header.Get(relay.Realm))))
	require.Equal(t, 200, a.Status, a.body)
}
