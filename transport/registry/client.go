// Package registry reads images from registries: a client of the OCI distribution API over a Fetcher
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
package registry

import (
	"context"
	"sync"
	"time"

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
	Yield     func()                 // called at least once per 64 KiB of a blob that is read; nil: not needed, and reads may be larger
	PlainHTTP func(host string) bool // which host[:port] is spoken to without TLS; nil: the loopback only
	// HidesHeaders is true where the host does not show every response header (CORS in a browser). What a missing header
	// would tell is then not concluded.
	HidesHeaders bool
	UserAgent    string // "" for the Fetcher's own
	// Create makes a repository that a registry wants to have before something is pushed to it, as Amazon ECR does. It is
	// called once for each repository that a push finds missing, and returns nil where it is there already. Nil: the push fails.
	Create func(ctx context.Context, registry, repository string) error
	// Inactivity is how long no byte may move while one is waited for; 0 where the Fetcher sees to that itself.
	Inactivity time.Duration
	// MaxWait is the longest that is waited because a registry asks for it (Retry-After); 0 means a minute. A longer one is
	// an error of kind rate_limited.
	MaxWait time.Duration
	// Ranges is how many parts of one large blob are read at once, each of 4 MiB and held in memory until its turn comes; 0 or
	// 1: a blob is one stream. It helps where a registry limits the speed of a connection.
	Ranges int
	// Chunk is how many bytes of a blob go into one request where a blob has to be cut; 0 means 16 MiB.
	Chunk int64
}

// Client speaks to any number of registries and keeps their tokens. It is safe for concurrent use.
type Client struct {
	o     Options
	auth  *auth.Authenticator
	known places
	made  creations
	paces sync.Map // registry to *pace

	listing  sync.Mutex // of referrers under a tag
	unlisted sync.Map   // names of repositories that have no list of referrers
}

// New makes a Client. It does no I/O.
func New(o Options) *Client {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Event == nil {
		o.Event = func(event.Event) {}
	}
	if o.PlainHTTP == nil {
		o.PlainHTTP = ref.Loopback
	}
	if o.MaxWait == 0 {
		o.MaxWait = time.Minute
	}
	if o.Chunk == 0 {
		o.Chunk = defaultChunk
	}
	if o.Inactivity > 0 {
		o.Fetcher = idle{o.Fetcher, o.Clock, o.Inactivity}
	}
	return &Client{o: o, auth: auth.New(auth.Options{
		Fetcher: o.Fetcher, Keychain: o.Keychain, Clock: o.Clock, HidesHeaders: o.HidesHeaders, UserAgent: o.UserAgent,
	})}
}

// Repository is the repository that r names, as a Source that is also a [content.Resolver], [content.TagLister],
// [content.BlobStatter], [content.ReferrerLister], [content.Deleter] and [content.Retrier], and whose blobs are
// [content.RangeOpener]s and [content.Mountable]. It does no I/O, and closing it does nothing.
func (c *Client) Repository(r ref.Reference) content.Source { return c.repository(r, "pull") }

// Sink is the repository that r names, to be written to. Blobs and manifests without a tag are pushed as they come, since
// nothing leads to them; manifests with a tag are held, and pushed in their order by Commit. It is a Source of the
// repository too. It does no I/O, and closing it does nothing.
func (c *Client) Sink(r ref.Reference) content.Sink {
	return newSink(c.repository(r, "pull,push"))
}

func (c *Client) repository(r ref.Reference, actions string) *repository {
	registry, scheme := r.Host, "https"
	if registry == ref.HubHost {
		registry = ref.HubName // what credential files and people call it
	}
	if c.o.PlainHTTP(r.Host) {
		scheme = "http"
	}
	return &repository{c: c, ref: r, name: registry + "/" + r.Repository, target: auth.Target{
		Registry: registry, Origin: scheme + "://" + r.Host, Scope: scope(r.Repository, actions), Repository: r.Repository,
	}}
}

// scope is what a token has to allow (https://distribution.github.io/distribution/spec/auth/scope/).
func scope(repository, actions string) string { return "repository:" + repository + ":" + actions }
