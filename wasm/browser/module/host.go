//go:build js

package module

import (
	"context"
	"fmt"
	"syscall/js"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
	"github.com/stevedore-oci/stevedore/transport/fsys/webfs"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// host is what JavaScript gives to a call. Members that a call reads:
//
//	platform      string, "" for the default
//	plainHttp     string[], registries without TLS besides those on the loopback
//	hidesHeaders  boolean, whether CORS hides response headers
//	files         [string, Blob][]: the inputs; of a Blob only size, name and slice().arrayBuffer() are used, and pieces() of what
//	              is an Input, or held() alone of what is Held (wasm/js/pieces.js)
//	fetch         a function in place of the global fetch, or undefined
//	credential    (registry) → Promise<{username, password, token} | undefined>, or undefined
//	gunzip        () → what decompresses gzip (wasm/js/inflate.js), or undefined where the module does
//	turn          () → Promise, kept when the event loop had its turn
//
// and functions that a call calls: event(json) and, once and last, result(json | undefined) or error(kind, text, hint);
// items(lines) and output(name, Uint8Array) promise that more is wanted. The call sets cancel, a function that may be called
// until then.
type host struct{ js.Value }

func (h host) platform() (v1.Platform, error) {
	text := h.Get("platform")
	if text.Type() != js.TypeString || text.String() == "" {
		return v1.Platform{}, nil
	}
	return oci.ParsePlatform(text.String())
}

func (h host) files() *webfs.Host {
	list := h.Get("files")
	blobs := make(map[string]js.Value, list.Length())
	for i := range list.Length() {
		blobs[list.Index(i).Index(0).String()] = list.Index(i).Index(1)
	}
	return webfs.New(blobs)
}

func (h host) plainHTTP() []string {
	list := h.Get("plainHttp")
	hosts := make([]string, list.Length())
	for i := range hosts {
		hosts[i] = list.Index(i).String()
	}
	return hosts
}

func (h host) has(member string) bool { return h.Get(member).Type() == js.TypeFunction }

// Credential asks the page, which makes a host an [auth.Keychain].
func (h host) Credential(ctx context.Context, registry string) (auth.Credential, error) {
	v, err := promise.Await(ctx, h.Call("credential", registry))
	if err != nil {
		return auth.Credential{}, fmt.Errorf("credential for %s: %w", registry, err)
	}
	if v.Type() != js.TypeObject {
		return auth.Credential{}, nil
	}
	return auth.Credential{Username: text(v, "username"), Password: text(v, "password"), RegistryToken: text(v, "token")}, nil
}

// text is a member that is a string, else "".
func text(v js.Value, member string) string {
	if m := v.Get(member); m.Type() == js.TypeString {
		return m.String()
	}
	return ""
}

// settle hands over the outcome of a call: what it gave, or why it failed.
func (h host) settle(result []byte, err error) {
	switch {
	case err != nil:
		w := errs.WireOf(err)
		h.Call("error", string(w.Kind), w.Message, w.Hint)
	case result == nil:
		h.Call("result")
	default:
		h.Call("result", string(result))
	}
}
