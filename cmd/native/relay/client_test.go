package relay_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// through is a page's end of the protocol, as wasm/js/relay.js is: it writes URLs anew and keeps the seals of challenges.
type through struct {
	next        fetchshim.Fetcher
	base, token string

	mu    sync.Mutex
	seals map[string]string // realm without its query → seal
}

func (f *through) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, err
	}
	q := *req
	q.Header = req.Header.Clone()
	q.URL = f.base + relay.Prefix + u.Scheme + "/" + u.Host + u.RequestURI()
	q.Header.Add("Sec-Fetch-Site", "same-origin")
	q.Header.Add(relay.Mark, f.token)
	f.mu.Lock()
	if seal := f.seals[u.Scheme+"://"+u.Host+u.Path]; seal != "" {
		q.Header.Add(relay.Realm, seal)
	}
	f.mu.Unlock()
	resp, err := f.next.Fetch(ctx, &q)
	if err != nil {
		return nil, err
	}
	if resp.Header.Get(relay.Mark) != "answer" {
		defer resp.Body.Close()
		var b struct {
			Error struct{ Kind, Message string }
		}
		if err := json.NewDecoder(resp.Body).Decode(&b); err != nil {
			return nil, err
		}
		return nil, &fetchshim.Fault{Kind: fetchshim.FaultKind(b.Error.Kind), URL: req.URL, Err: fmt.Errorf("%s", b.Error.Message)}
	}
	if seal := resp.Header.Get(relay.Realm); seal != "" {
		f.keep(seal)
	}
	resp.URL = resp.Header.Get("X-Stevedore-Url")
	return resp, nil
}

func (f *through) keep(seal string) {
	body, _, _ := strings.Cut(seal, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(body)
	var a struct{ Realms []struct{ URL string } }
	_ = json.Unmarshal(raw, &a)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range a.Realms {
		at, _, _ := strings.Cut(r.URL, "?")
		f.seals[at] = seal
	}
}

// private is a registry that wants a token, and whose blobs are at another place that must not see it.
func private(w *world, f contenttest.Fixture) {
	w.site("registry.example.com", registryAddr, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer for-a/b" {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="https://auth.example.com/token",service="reg",scope="repository:a/b:pull"`)
			rw.WriteHeader(401)
			return
		}
		p := distspec.ParsePath(r.URL.Path)
		switch p.Kind {
		case distspec.Blob:
			http.Redirect(rw, r, "https://cdn.example.com/store/"+p.Ref+"?X-Signature=a%2Fb", http.StatusTemporaryRedirect)
		case distspec.Tags:
			tags := []string{f.Tag}
			if r.URL.Query().Get("last") >= f.Tag {
				tags = nil
			}
			_ = json.NewEncoder(rw).Encode(map[string]any{"name": "a/b", "tags": tags})
		default:
			serveManifest(rw, r, f, p.Ref)
		}
	})
	w.site("auth.example.com", authAddr, func(rw http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "me" || password != "pw" || r.URL.Query().Get("service") != "reg" {
			rw.WriteHeader(401)
			return
		}
		fmt.Fprint(rw, `{"token":"for-a/b","expires_in":300}`)
	})
	w.site("cdn.example.com", otherAddr, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.URL.RawQuery != "X-Signature=a%2Fb" {
			rw.WriteHeader(400)
			return
		}
		for _, c := range append(append([]contenttest.Content{}, f.Blobs...), f.Tampered...) {
			if "/store/"+c.Descriptor.Digest.String() == r.URL.Path {
				rw.Header().Set("Content-Type", "application/octet-stream")
				http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(c.Bytes))
				return
			}
		}
		rw.WriteHeader(404)
	})
}

func serveManifest(rw http.ResponseWriter, r *http.Request, f contenttest.Fixture, reference string) {
	for _, d := range append([]oci.Document{f.Root}, f.Children...) {
		if reference == d.Digest().String() || (reference == f.Tag || reference == ref.DefaultTag) && d.Digest() == f.Root.Digest() {
			rw.Header().Set("Content-Type", d.MediaType)
			rw.Header().Set("Docker-Content-Digest", d.Digest().String())
			http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(d.Raw))
			return
		}
	}
	rw.WriteHeader(404)
}

// page is a client whose every request goes over a socket to a relay.
func page(t *testing.T, w *world) *through {
	var r *relay.Relay
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) { nethttp.Handler(r).ServeHTTP(rw, q) }))
	t.Cleanup(front.Close)
	r = w.relay(func(o *relay.Options) { o.Hosts = []string{front.Listener.Addr().String()} })
	client := nethttp.New(nethttp.Options{})
	t.Cleanup(client.CloseIdle)
	return &through{next: client, base: front.URL, token: token, seals: map[string]string{}}
}

func source(t *testing.T, f fetchshim.Fetcher, keys auth.Keychain) content.Source {
	parsed, err := ref.Parse("registry.example.com/a/b:v1")
	require.NoError(t, err)
	return registry.New(registry.Options{Fetcher: f, Keychain: keys}).Repository(parsed)
}

// TestClient reads a private registry with Bearer authentication and blobs elsewhere, through the relay: the suite that every
// Source passes.
func TestClient(t *testing.T) {
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			private(w, f)
			p := page(t, w)
			contenttest.Source(t, func(t *testing.T) content.Source { return source(t, p, auth.Static{Username: "me", Password: "pw"}) }, f)
		})
	}
}

// TestClientRefused: what the registry says of a wrong password, and the relay of a wrong token, has the right kind.
func TestClientRefused(t *testing.T) {
	w := newWorld(t)
	private(w, contenttest.NewImage())
	p := page(t, w)
	_, err := source(t, p, auth.Static{Username: "me", Password: "wrong"}).Manifest(t.Context(), "v1")
	require.Equal(t, errs.Unauthorized, errs.Of(err))
	p.token = "stale"
	_, err = source(t, p, nil).Manifest(t.Context(), "v1")
	require.Equal(t, errs.Denied, errs.Of(err))
	require.ErrorContains(t, err, "token")
}
