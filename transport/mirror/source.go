package mirror

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// rest is how long a registry that could not be reached is passed over.
const rest = time.Minute

// Reader finds images in the places that a policy says, and reads them there. It remembers which registries could not be reached, so that not every image
// waits for them again. It is safe for concurrent use.
type Reader struct {
	Policy
	clock clock.Clock
	event func(event.Event)
	down  sync.Map // host to the time.Time until which it is passed over
}

// NewReader makes a Reader. A nil events means that nobody listens.
func NewReader(p Policy, c clock.Clock, events func(event.Event)) *Reader {
	if events == nil {
		events = func(event.Event) {}
	}
	return &Reader{Policy: p, clock: c, event: events}
}

// End is a place that is open.
type End struct {
	Place
	content.Source
}

// Source reads from the first of ends that has what is asked for. Manifests and blobs come from mirrors first; lists (tags,
// referrers) are asked of what the mirrors are of, since a mirror may hold a part only. What else the last end can do is
// found by content.As. Closing it closes the ends.
func (r *Reader) Source(ends []End) content.Source {
	return &source{r: r, ends: ends}
}

type source struct {
	r      *Reader
	ends   []End
	chosen atomic.Int64 // the end that answered last
	told   atomic.Int64 // 1 and the end that an event was sent about
}

// Unwrap is the end that mirrors are of.
func (s *source) Unwrap() any { return s.ends[len(s.ends)-1].Source }

// kind is what is asked for.
type kind int

const (
	things kind = iota // manifests and blobs
	lists
)

// order has the end that answered before first, and for lists the mirrors last.
func (s *source) order(k kind) []int {
	first := int(s.chosen.Load())
	out := make([]int, 0, len(s.ends))
	for i := range s.ends {
		out = append(out, i)
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if k == lists {
			return number(s.ends[a].Mirror) - number(s.ends[b].Mirror)
		}
		return number(a != first) - number(b != first)
	})
	return out
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// try asks one end after the other. The error is that of the last one that is no mirror.
func try[T any](ctx context.Context, s *source, k kind, ask func(content.Source) (T, error)) (T, error) {
	var none T
	var failed error
	order := s.order(k)
	for n, i := range order {
		e := s.ends[i]
		if n < len(order)-1 && s.r.passed(e.Ref.Host) {
			continue
		}
		v, err := ask(e.Source)
		if err == nil {
			if k == things {
				s.answered(i)
			}
			return v, nil
		}
		if ctx.Err() != nil {
			return none, err
		}
		s.r.failed(e, err)
		if failed == nil || !e.Mirror {
			failed = err
		}
	}
	return none, failed
}

// passed says whether a registry could not be reached a short while ago.
func (r *Reader) passed(host string) bool {
	until, ok := r.down.Load(host)
	return ok && r.clock.Now().Before(until.(time.Time))
}

// failed keeps what is worth knowing of a failure. That something is not there is nothing to warn about: another place may have it.
func (r *Reader) failed(e End, err error) {
	kind := errs.Of(err)
	if kind == errs.NotFound || kind == errs.Unsupported {
		return
	}
	if kind == errs.Network {
		r.down.Store(e.Ref.Host, r.clock.Now().Add(rest))
	}
	if e.Mirror {
		r.event(event.Event{Kind: event.Warning, Subject: e.Ref.Typed, Message: fmt.Sprintf("not read from the mirror %s: %v", repository(e), err)})
	}
}

func repository(e End) string { return e.Ref.Host + "/" + e.Ref.Repository }

// answered says where an image is read from, once.
func (s *source) answered(i int) {
	s.chosen.Store(int64(i))
	if s.told.Swap(int64(i+1)) == int64(i+1) {
		return
	}
	e := s.ends[i]
	s.r.event(event.Event{Kind: event.Mirror, Subject: e.Ref.Typed, Message: repository(e)})
}

// Manifest implements [content.Source].
func (s *source) Manifest(ctx context.Context, reference string) (oci.Document, error) {
	return try(ctx, s, things, func(src content.Source) (oci.Document, error) { return src.Manifest(ctx, reference) })
}

// Resolve implements [content.Resolver].
func (s *source) Resolve(ctx context.Context, reference string) (v1.Descriptor, error) {
	return try(ctx, s, things, func(src content.Source) (v1.Descriptor, error) {
		r, ok := content.As[content.Resolver](src)
		if !ok {
			return v1.Descriptor{}, errs.New(errs.Unsupported, reference, "is told by its content only")
		}
		return r.Resolve(ctx, reference)
	})
}

// StatBlob implements [content.BlobStatter].
func (s *source) StatBlob(ctx context.Context, d digest.Digest) (v1.Descriptor, error) {
	return try(ctx, s, things, func(src content.Source) (v1.Descriptor, error) {
		b, ok := content.As[content.BlobStatter](src)
		if !ok {
			return v1.Descriptor{}, errs.New(errs.Unsupported, d.String(), "is not found by its digest alone")
		}
		return b.StatBlob(ctx, d)
	})
}

// Tags implements [content.TagLister].
func (s *source) Tags(ctx context.Context, last string) iter.Seq2[string, error] {
	return list(ctx, s, func(src content.Source) (iter.Seq2[string, error], bool) {
		l, ok := content.As[content.TagLister](src)
		if !ok {
			return nil, false
		}
		return l.Tags(ctx, last), true
	})
}

// Referrers implements [content.ReferrerLister].
func (s *source) Referrers(ctx context.Context, subject digest.Digest) iter.Seq2[v1.Descriptor, error] {
	return list(ctx, s, func(src content.Source) (iter.Seq2[v1.Descriptor, error], bool) {
		l, ok := content.As[content.ReferrerLister](src)
		if !ok {
			return nil, false
		}
		return l.Referrers(ctx, subject), true
	})
}

// list takes the list of the first end that begins one: what fails later fails, since another list may go on elsewhere.
func list[T any](ctx context.Context, s *source, of func(content.Source) (iter.Seq2[T, error], bool)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		_, err := try(ctx, s, lists, func(src content.Source) (struct{}, error) {
			items, ok := of(src)
			if !ok {
				return struct{}{}, errs.New(errs.Unsupported, "", "has no list")
			}
			begun := false
			for v, err := range items {
				if err != nil && !begun {
					return struct{}{}, err
				}
				begun = true
				if !yield(v, err) || err != nil {
					break
				}
			}
			return struct{}{}, nil
		})
		if err != nil {
			yield(none, err)
		}
	}
}

// Retries implements [content.Retrier].
func (s *source) Retries() int64 {
	var n int64
	for _, e := range s.ends {
		if r, ok := content.As[content.Retrier](e.Source); ok {
			n += r.Retries()
		}
	}
	return n
}

// Close implements [content.Source].
func (s *source) Close() error {
	var first error
	for _, e := range s.ends {
		if err := e.Close(); first == nil {
			first = err
		}
	}
	return first
}

// Blob implements [content.Source].
func (s *source) Blob(d v1.Descriptor) content.Blob { return &blob{s, d} }

type blob struct {
	s *source
	d v1.Descriptor
}

func (b *blob) Descriptor() v1.Descriptor { return b.d }

func (b *blob) Open(ctx context.Context) (io.ReadCloser, error) {
	return try(ctx, b.s, things, func(src content.Source) (io.ReadCloser, error) { return src.Blob(b.d).Open(ctx) })
}

// OpenAt implements [content.RangeOpener].
func (b *blob) OpenAt(ctx context.Context, offset int64) (io.ReadCloser, error) {
	return try(ctx, b.s, things, func(src content.Source) (io.ReadCloser, error) {
		o, ok := content.As[content.RangeOpener](src.Blob(b.d))
		if !ok {
			return nil, errs.New(errs.Unsupported, b.d.Digest.String(), "is read from its start only")
		}
		return o.OpenAt(ctx, offset)
	})
}

// Unwrap is the blob of the end that answered, which may be mountable.
func (b *blob) Unwrap() any { return b.s.ends[b.s.chosen.Load()].Blob(b.d) }
