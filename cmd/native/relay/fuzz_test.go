package relay_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stevedore-oci/stevedore/cmd/native/relay"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// FuzzTarget: where every name is this machine, no path and no seal makes a connection to anything that is not public.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{manifest, blob, base, tokenPath + wanted, "/relay/https/127.1/v2/", "/relay/https/[::ffff:10.0.0.1]:1/v2/",
		"/relay/http/x/v2/a/manifests/1", "/relay/https/[64:ff9b::7f00:1]/v2/", "/relay/https/8.8.8.8/v2/", "/relay/https/a@b/v2/../..%2f"} {
		f.Add(seed, "")
	}
	var dialled []netip.Addr
	r, err := relay.New(relay.Options{
		Hosts: []string{self}, Token: token,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		Connect: func(_ context.Context, a netip.AddrPort) (net.Conn, error) {
			dialled = append(dialled, a.Addr())
			return nil, errors.New("nobody there")
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, seal string) {
		if !strings.HasPrefix(path, "/") {
			path = "/relay/https/" + path
		}
		dialled = nil
		resp, err := r.Fetch(t.Context(), ask("GET", path, fetchshim.Field{Name: relay.Realm, Value: seal}))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Header.Get(relay.Mark) != "refused" {
			t.Errorf("%q was answered", path)
		}
		for _, a := range dialled {
			if a = a.Unmap(); a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || !a.IsGlobalUnicast() {
				t.Errorf("%q led to %s", path, a)
			}
		}
	})
}
