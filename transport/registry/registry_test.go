package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// memory is a Source over a fixture. Its blobs know no ranges where plain is set.
type memory struct {
	f     contenttest.Fixture
	plain bool
}

func (m memory) Close() error { return nil }

func (m memory) Manifest(_ context.Context, reference string) (oci.Document, error) {
	if reference == m.f.Tag || reference == ref.DefaultTag {
		return m.f.Root, nil
	}
	for _, d := range append([]oci.Document{m.f.Root}, m.f.Children...) {
		if d.Digest().String() == reference {
			return d, nil
		}
	}
	return oci.Document{}, errs.New(errs.NotFound, "/secret/path", "no %s", reference)
}

func (m memory) Tags(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield(m.f.Tag, nil) }
}

func (m memory) find(d digest.Digest) (contenttest.Content, error) {
	for _, c := range append(append([]contenttest.Content{}, m.f.Blobs...), m.f.Tampered...) {
		if c.Descriptor.Digest == d {
			return c, nil
		}
	}
	return contenttest.Content{}, errs.New(errs.NotFound, d.String(), "no such blob")
}

func (m memory) StatBlob(_ context.Context, d digest.Digest) (v1.Descriptor, error) {
	c, err := m.find(d)
	return c.Descriptor, err
}

func (m memory) Blob(d v1.Descriptor) content.Blob {
	b := memoryBlob{m, d}
	if m.plain {
		return struct{ content.Blob }{b}
	}
	return b
}

type memoryBlob struct {
	m memory
	d v1.Descriptor
}

func (b memoryBlob) Descriptor() v1.Descriptor { return b.d }

func (b memoryBlob) Open(ctx context.Context) (io.ReadCloser, error) { return b.OpenAt(ctx, 0) }

func (b memoryBlob) OpenAt(_ context.Context, offset int64) (io.ReadCloser, error) {
	c, err := b.m.find(b.d.Digest)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(c.Bytes[offset:])), nil
}

// fakeClock stands still but for Sleep, which takes no time and is written down.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func newClock() *fakeClock {
	return &fakeClock{now: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slept = append(c.slept, d)
	c.now = c.now.Add(d)
	return ctx.Err()
}

func (c *fakeClock) WithTimeout(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}

// rig is a client of one repository and what it did.
type rig struct {
	content.Source
	client   *registry.Client
	sink     content.Sink // of the same repository
	clock    *fakeClock
	mu       sync.Mutex
	events   []event.Event
	requests []*fetchshim.Request
}

func (r *rig) sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, q := range r.requests {
		line := q.Method + " " + q.URL
		if h := q.Header.Get("Range"); h != "" {
			line += " " + h
		}
		out = append(out, line)
	}
	return out
}

// newRig is a client of reference whose requests f answers.
func newRig(t *testing.T, reference string, f fetchshim.Func, change func(*registry.Options)) *rig {
	t.Helper()
	r := &rig{clock: newClock()}
	o := registry.Options{Clock: r.clock, UserAgent: "test/1",
		Event: func(e event.Event) { r.mu.Lock(); r.events = append(r.events, e); r.mu.Unlock() },
		Fetcher: fetchshim.Func(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
			r.mu.Lock()
			r.requests = append(r.requests, req)
			r.mu.Unlock()
			return f(ctx, req)
		}),
	}
	if change != nil {
		change(&o)
	}
	parsed, err := ref.Parse(reference)
	require.NoError(t, err)
	r.client = registry.New(o)
	r.Source, r.sink = r.client.Repository(parsed), r.client.Sink(parsed)
	return r
}

// answer makes a response; header lines are "Name: value".
func answer(status int, body string, header ...string) *fetchshim.Response {
	r := &fetchshim.Response{Status: status, Body: io.NopCloser(strings.NewReader(body))}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// always answers every request alike.
func always(status int, body string, header ...string) fetchshim.Func {
	return func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		return answer(status, body, header...), nil
	}
}

// script answers the requests in turn, the last answer again and again.
func script(answers ...func() (*fetchshim.Response, error)) fetchshim.Func {
	var mu sync.Mutex
	i := 0
	return func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		i++
		return answers[min(i, len(answers))-1]()
	}
}

func says(status int, body string, header ...string) func() (*fetchshim.Response, error) {
	return func() (*fetchshim.Response, error) { return answer(status, body, header...), nil }
}

func faults(kind fetchshim.FaultKind) func() (*fetchshim.Response, error) {
	return func() (*fetchshim.Response, error) {
		return nil, &fetchshim.Fault{Kind: kind, URL: "https://r.example/", Err: fmt.Errorf("it broke")}
	}
}

func requireKind(t *testing.T, kind errs.Kind, err error, parts ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, errs.Of(err), "%v", err)
	for _, p := range parts {
		require.Contains(t, err.Error()+" "+errs.HintOf(err), p)
	}
}

func read(t *testing.T, b content.Blob) (string, error) {
	t.Helper()
	r, err := b.Open(t.Context())
	if err != nil {
		return "", err
	}
	defer func() { require.NoError(t, r.Close()) }()
	raw, err := io.ReadAll(r)
	return string(raw), err
}

// TestSource runs the shared suite over client and server without a socket: against ranges and none, and with a second
// pair of client and server between, as a proxy is built.
func TestSource(t *testing.T) {
	open := func(s content.Source) content.Source {
		r := newRig(t, "registry.example/a/b:v1", serve.New(serve.Options{Source: s}).Fetch, func(o *registry.Options) { o.Yield = runtime.Gosched })
		t.Cleanup(func() {
			for _, q := range r.requests {
				require.Equal(t, "test/1", q.Header.Get("User-Agent"))
				require.Empty(t, q.Header.Get("Authorization"))
			}
		})
		return r.Source
	}
	for name, f := range map[string]contenttest.Fixture{"index": contenttest.NewIndex(), "image": contenttest.NewImage()} {
		for kind, s := range map[string]content.Source{"ranges": memory{f, false}, "plain": memory{f, true}} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				contenttest.Source(t, func(t *testing.T) content.Source { return open(s) }, f)
			})
		}
		t.Run(name+"/proxy", func(t *testing.T) {
			contenttest.Source(t, func(t *testing.T) content.Source { return open(open(memory{f, false})) }, f)
		})
	}
}
