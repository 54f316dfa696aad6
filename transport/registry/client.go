// Package registry reads images from registries: a client of the OCI distribution API over a Fetcher
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
package registry

import (
	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// Options configure a [Client]. Only Fetcher is required.
type Options struct {
	Fetcher   fetchshim.Fetcher
	Keychain  auth.Keychain          // nil: anonymous
	Clock     clock.Clock            // nil: clock.System
	Event     func(event.Event)      // is told about retries; nil: nobody listens
	Yield     func()                 // called at least once per 64 KiB of a blob that is read; nil: not needed
	PlainHTTP func(host string) bool // which host[:port] is spoken to without TLS; nil: the loopback only
	// HidesHeaders is true where the host does not show every response header (CORS in a browser). What a missing header
	// would tell is then not concluded.
	HidesHeaders bool
	UserAgent    string // "" for the Fetcher's own
}

// Client speaks to any number of registries and keeps their tokens. It is safe for concurrent use.
type Client struct {
	o    Options
	auth *auth.Authenticator
}

// New makes a Client. It does no I/O.
func New(o Options) *Client {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Event == nil {
		o.Event = func(event.Event) {}
	}
	if o.Yield == nil {
		o.Yield = func() {}
	}
	if o.PlainHTTP == nil {
		o.PlainHTTP = ref.Loopback
	}
	return &Client{o: o, auth: auth.New(auth.Options{
		Fetcher: o.Fetcher, Keychain: o.Keychain, Clock: o.Clock, HidesHeaders: o.HidesHeaders, UserAgent: o.UserAgent,
	})}
}

// Repository is the repository that r names, as a Source that is also a [content.Resolver], a [content.TagLister] and a
// [content.BlobStatter], and whose blobs are [content.RangeOpener]s. It does no I/O, and closing it does nothing.
func (c *Client) Repository(r ref.Reference) content.Source {
	registry, scheme := r.Host, "https"
	if registry == ref.HubHost {
		registry = ref.HubName // what credential files and people call it
	}
	if c.o.PlainHTTP(r.Host) {
		scheme = "http"
	}
	origin := scheme + "://" + r.Host
	return &repository{c: c, ref: r, name: registry + "/" + r.Repository, target: auth.Target{
		Registry: registry, Origin: origin, Scope: "repository:" + r.Repository + ":pull",
	}}
}
