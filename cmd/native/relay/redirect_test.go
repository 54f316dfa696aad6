package relay_test

import (
	"io"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
)

// redirecting is a world whose registry sends everything to another place.
func redirecting(t *testing.T, to string, status int) *world {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, to, status) })
	w.site("cdn.example.com", otherAddr, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("WWW-Authenticate", `Bearer realm="https://auth.example.com/token"`)
		if r.URL.Path == "/who" {
			rw.WriteHeader(401)
		}
		io.WriteString(rw, "from the cdn")
	})
	return w
}

// TestRedirects are followed here, without the credential where they lead to another origin.
func TestRedirects(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		w := redirecting(t, "https://cdn.example.com/signed?key=%2F", status)
		a := send(t, w.relay(nil), ask("GET", blob, field("Authorization", "Bearer secret"), field("Range", "bytes=1-")))
		require.Equal(t, "from the cdn", a.body)
		require.Equal(t, "https://cdn.example.com/signed?key=%2F", a.Header.Get("X-Stevedore-Url"))
		require.Equal(t, "/signed?key=%2F", w.last().RequestURI)
		require.Empty(t, w.last().Header.Get("Authorization"))
		require.Equal(t, "bytes=1-", w.last().Header.Get("Range"))
		require.Empty(t, w.last().Header.Get(relay.Mark))
	}
}

// TestRedirectsInside: each hop is checked as the first request is.
func TestRedirectsInside(t *testing.T) {
	for _, to := range []string{
		"https://127.0.0.1/", "https://2130706433/", "https://[::ffff:10.0.0.1]/", "https://[::1]:5000/v2/", "https://169.254.169.254/latest/",
		"http://cdn.example.com/", "https://inside.example.com/", "https://user:pass@cdn.example.com/", "ftp://cdn.example.com/", "https://127.1/",
		"https://localhost/",
	} {
		t.Run(to, func(t *testing.T) {
			w := redirecting(t, to, 307)
			w.names["inside.example.com"] = []netip.Addr{netip.MustParseAddr("192.168.7.7")}
			w.names["localhost"] = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
			status, kind, _ := refusal(t, w.relay(nil), ask("GET", blob))
			require.Contains(t, []int{400, 403}, status)
			require.Equal(t, "refused", kind)
			require.Equal(t, []netip.Addr{netip.MustParseAddr(registryAddr)}, w.dialled)
		})
	}
}

func TestRedirectLoop(t *testing.T) {
	w := redirecting(t, "/v2/", 302)
	status, kind, message := refusal(t, w.relay(nil), ask("GET", blob))
	require.Equal(t, 502, status)
	require.Equal(t, "network", kind)
	require.Contains(t, message, "redirects")
}

// TestAllowed: what the user named is reached, privately and over plain HTTP; a stranger does not get there through it.
func TestAllowed(t *testing.T) {
	const private = "10.9.8.7"
	w := redirecting(t, "https://inside.example.com:5000/admin", 307)
	w.site("inside.example.com", private, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/away/blobs/"+digest {
			http.Redirect(rw, r, "https://other.example.com/", http.StatusTemporaryRedirect)
			return
		}
		io.WriteString(rw, "inside")
	})
	w.names["other.example.com"] = []netip.Addr{netip.MustParseAddr(private)}
	r := w.relay(func(o *relay.Options) { o.Allow = []string{"INSIDE.example.com:5000"} })

	a := send(t, r, ask("GET", "/relay/https/inside.example.com:5000/v2/"))
	require.Equal(t, "inside", a.body)
	for name, path := range map[string]string{
		"another port":                  "/relay/https/inside.example.com/v2/",
		"its address, which is not it":  "/relay/https/10.9.8.7:5000/v2/",
		"another name for it":           "/relay/https/other.example.com:5000/v2/",
		"from a stranger by a redirect": blob,
		"from it to another":            "/relay/https/inside.example.com:5000/v2/away/blobs/" + digest,
	} {
		t.Run(name, func(t *testing.T) {
			status, _, _ := refusal(t, r, ask("GET", path))
			require.Equal(t, 403, status)
		})
	}
}

func TestAllowMalformed(t *testing.T) {
	for _, bad := range []string{"", "http://x", "x/y", "127.1", "a b", "x:0", "[::1"} {
		_, err := relay.New(relay.Options{Hosts: []string{self}, Token: token, Allow: []string{bad}})
		require.ErrorContains(t, err, "is not HOST[:PORT]", bad)
	}
	_, err := relay.New(relay.Options{Hosts: []string{self}})
	require.Error(t, err)
	require.NotEqual(t, relay.NewToken(), relay.NewToken())
}
