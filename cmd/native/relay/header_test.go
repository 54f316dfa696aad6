package relay_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
)

// TestCookies go neither way, nor does anything else that is not a registry client's.
func TestCookies(t *testing.T) {
	w := newWorld(t)
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, _ *http.Request) {
		h := rw.Header()
		for _, name := range []string{"Set-Cookie", "Set-Cookie2", "Location", "Refresh", "Clear-Site-Data", "Access-Control-Allow-Origin", "Content-Encoding",
			"Service-Worker-Allowed", "SourceMap", "Report-To", "Strict-Transport-Security", "Alt-Svc", "Keep-Alive", "Connection", "X-Stevedore-Realm",
			"X-Stevedore-Relay", "X-Stevedore-Url", "Content-Security-Policy", "X-Anything"} {
			h.Set(name, "evil")
		}
		for _, name := range []string{"Docker-Content-Digest", "ETag", "Link", "Content-Range", "Accept-Ranges", "RateLimit-Limit", "RateLimit-Remaining",
			"Docker-Ratelimit-Source", "X-RateLimit-Limit", "OCI-Subject", "OCI-Filters-Applied", "Docker-Distribution-Api-Version", "Retry-After", "Warning"} {
			h.Set(name, "good")
		}
		h.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	})
	a := send(t, w.relay(nil), ask("GET", manifest, field("Cookie", "a=b"), field("Origin", "http://"+self), field("Referer", "http://"+self+"/#relay=x"),
		field("User-Agent", "Mozilla/5.0"), field("X-Forwarded-For", "10.0.0.1"), field("Forwarded", "for=x"), field("Proxy-Authorization", "Basic x"),
		field("Accept-Encoding", "br"), field("Host", "evil.example"), field("X-Http-Method-Override", "DELETE"), field("Upgrade", "websocket"),
		field("Accept", "application/json"), field("Accept", "text/plain"), field("Authorization", "Bearer t"), field("Range", "bytes=0-3"),
		field("If-None-Match", `"x"`), field("Sec-Fetch-Site", "same-origin")))
	require.Equal(t, 200, a.Status)

	sent := w.last()
	require.Equal(t, "registry.example.com", sent.Host)
	require.Equal(t, http.Header{
		"Accept": {"application/json", "text/plain"}, "Authorization": {"Bearer t"}, "Range": {"bytes=0-3"}, "If-None-Match": {`"x"`},
		"Accept-Encoding": {"identity"}, "User-Agent": sent.Header["User-Agent"],
	}, sent.Header)
	require.Contains(t, sent.UserAgent(), "stevedore/")

	for _, f := range a.Header {
		require.NotContains(t, f.Value, "evil", f.Name)
	}
	good := 0
	for _, f := range a.Header {
		if f.Value == "good" {
			good++
		}
	}
	require.Equal(t, 14, good)
	require.Equal(t, "application/vnd.oci.image.manifest.v1+json", a.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Contains(t, a.Header.Get("Content-Security-Policy"), "sandbox")
	require.Equal(t, []string{"answer"}, a.Header.Values(relay.Mark))
}

func TestRepeatedHeaders(t *testing.T) {
	w := hello(t)
	r := w.relay(nil)
	for _, name := range []string{"Authorization", "Range", relay.Realm} {
		status, _, message := refusal(t, r, ask("GET", manifest, field(name, "a"), field(name, "b")))
		require.Equal(t, 400, status)
		require.Contains(t, message, name)
	}
	w.nothing()
}

// TestSmuggling writes to the socket what no HTTP library would.
func TestSmuggling(t *testing.T) {
	w := hello(t)
	var r fetchshim.Fetcher
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) { nethttp.Handler(r).ServeHTTP(rw, q) }))
	front.Config.ErrorLog = discard()
	front.Start()
	t.Cleanup(front.Close)
	at := front.Listener.Addr().String()
	r = w.relay(func(o *relay.Options) { o.Hosts = []string{at} })

	good := "Host: " + at + "\r\nSec-Fetch-Site: same-origin\r\n" + relay.Mark + ": " + token + "\r\n"
	status := func(request string) string {
		c, err := net.Dial("tcp", at)
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, request)
		require.NoError(t, err)
		line, err := bufio.NewReader(c).ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSpace(strings.TrimPrefix(line, "HTTP/1.1 "))
	}
	for name, c := range map[string]struct{ request, want string }{
		"two lengths":            {"GET " + manifest + " HTTP/1.1\r\n" + good + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"},
		"length and chunks":      {"GET " + manifest + " HTTP/1.1\r\n" + good + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "413"},
		"chunks":                 {"GET " + manifest + " HTTP/1.1\r\n" + good + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "413"},
		"a strange encoding":     {"GET " + manifest + " HTTP/1.1\r\n" + good + "Transfer-Encoding: xchunked\r\n\r\n", "501"},
		"a length":               {"GET " + manifest + " HTTP/1.1\r\n" + good + "Content-Length: 5\r\n\r\nhello", "413"},
		"two hosts":              {"GET " + manifest + " HTTP/1.1\r\nHost: evil.example\r\n" + good + "\r\n", "400"},
		"no host":                {"GET " + manifest + " HTTP/1.1\r\n" + strings.TrimPrefix(good, "Host: "+at+"\r\n") + "\r\n", "400"},
		"a host in the target":   {"GET http://evil.example" + manifest + " HTTP/1.1\r\n" + good + "\r\n", "421"},
		"a host with a user":     {"GET " + manifest + " HTTP/1.1\r\n" + strings.Replace(good, at, "x@"+at, 1) + "\r\n", "4"},
		"a space before colon":   {"GET " + manifest + " HTTP/1.1\r\n" + good + "Authorization : x\r\n\r\n", "400"},
		"NUL in a header":        {"GET " + manifest + " HTTP/1.1\r\n" + good + "Authorization: a\x00b\r\n\r\n", "400"},
		"a line break in a path": {"GET " + base + "a/manifests/1\rX: y HTTP/1.1\r\n" + good + "\r\n", "400"},
		"a space in a path":      {"GET " + base + "a/manifests/1 2 HTTP/1.1\r\n" + good + "\r\n", "400"},
		"a tunnel":               {"CONNECT registry.example.com:443 HTTP/1.1\r\n" + good + "\r\n", "4"},
		"a folder up":            {"GET " + base + "../../v2/ HTTP/1.1\r\n" + good + "\r\n", "4"},
	} {
		t.Run(name, func(t *testing.T) { require.Regexp(t, "^"+c.want, status(c.request)) })
	}
	w.nothing()
	require.Equal(t, "200 OK", status("GET "+manifest+" HTTP/1.1\r\n"+good+"\r\n"))
	// A folded line is one value with a space in it, never two headers.
	require.Equal(t, "200 OK", status("GET "+manifest+" HTTP/1.1\r\n"+good+"Accept: a\r\n Authorization: b\r\n\r\n"))
	require.Empty(t, w.last().Header.Get("Authorization"))
}
