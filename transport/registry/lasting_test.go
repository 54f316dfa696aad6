package registry_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/registry"
)

// TestLastingFaults reaches nothing for reasons that a second try finds again: it fails at once, and says what to do.
func TestLastingFaults(t *testing.T) {
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }))
	defer loop.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.StartTLS()
	defer secure.Close()
	for name, c := range map[string]struct {
		server *httptest.Server
		plain  bool
		hint   string
	}{
		"a redirect loop":         {loop, true, ""},
		"TLS to plain HTTP":       {plain, false, "the registry may speak plain HTTP there: --plain-http"},
		"an unknown certificate":  {secure, false, "--ca-file trusts the authority of the registry, --insecure-skip-tls-verify any certificate"},
		"plain HTTP to TLS of Go": {secure, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(c.server.URL)
			require.NoError(t, err)
			f := nethttp.New(nethttp.Options{})
			t.Cleanup(f.CloseIdle)
			r := registry.New(registry.Options{Fetcher: f, PlainHTTP: func(string) bool { return c.plain }, Event: func(e event.Event) { t.Errorf("%s: %s", e.Kind, e.Message) }})
			_, err = r.Repository(parse(t, u.Host+"/a:v1")).Manifest(t.Context(), "v1")
			require.Error(t, err)
			t.Log(err)
			require.Equal(t, c.hint, errs.HintOf(err))
		})
	}
}

// TestFaultTexts tries again, or does not, by what platforms say.
func TestFaultTexts(t *testing.T) {
	for text, stays := range map[string]bool{
		(&net.DNSError{Err: "no such host", Name: "r.example", IsNotFound: true}).Error():                               true,
		(&net.DNSError{Err: "server misbehaving", Name: "r.example", IsTemporary: true}).Error():                        false,
		"fetch failed: getaddrinfo ENOTFOUND r.example":                                                                 true,
		"fetch failed: getaddrinfo EAI_AGAIN r.example":                                                                 false,
		"fetch failed: self-signed certificate in certificate chain":                                                    true,
		"fetch failed: write EPROTO error:0A00010B:SSL routines::wrong version number":                                  true,
		"client error (Connect): dns error: failed to lookup address information: Name or service not known":            true,
		"client error (Connect): dns error: failed to lookup address information: Temporary failure in name resolution": false,
		"client error (Connect): invalid peer certificate: UnknownIssuer":                                               true,
		"https://r.example/v2/: more than 10 redirects":                                                                 true,
		"connect ECONNREFUSED 127.0.0.1:1":                                                                              false,
	} {
		tries := 0
		f := fetchtest.NewFake(t)
		f.Route = func(req *fetchshim.Request) (fetchtest.Exchange, error) {
			tries++
			return fetchtest.Exchange{Err: &fetchshim.Fault{Kind: fetchshim.Network, URL: req.URL, Err: errors.New(text)}}, nil
		}
		_, err := registry.New(registry.Options{Fetcher: f, Clock: newClock()}).Repository(parse(t, "r.example/a:v1")).Manifest(t.Context(), "v1")
		require.Equal(t, errs.Network, errs.Of(err), "%v", err)
		require.Equal(t, stays, tries == 1, "%s: %d tries", text, tries)
	}
}
