//go:build js

package module

import (
	"context"
	"sync"
	"syscall/js"

	"github.com/stevedore-oci/stevedore/fetchshim/jsfetch/promise"
)

// piece is how many bytes go to the page at once, and how many wait for it to want more.
const piece = 64 << 10

// lines hands the items of a list verb to the page: the first at once, and then always those that have come meanwhile.
type lines struct {
	ctx  context.Context
	sink js.Value // takes text, a JSON line for each item

	mu    sync.Mutex
	more  *sync.Cond
	batch []byte
	over  bool
	err   error
	ended chan struct{}
}

func newLines(ctx context.Context, sink js.Value) *lines {
	l := &lines{ctx: ctx, sink: sink, ended: make(chan struct{})}
	l.more = sync.NewCond(&l.mu)
	go l.pump()
	return l
}

// add waits while a whole piece has not been taken.
func (l *lines) add(item []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.batch) >= piece && l.err == nil {
		l.more.Wait()
	}
	l.batch = append(append(l.batch, item...), '\n')
	l.more.Broadcast()
	return l.err
}

// end returns when everything has been taken, or cannot be any more.
func (l *lines) end() error {
	l.mu.Lock()
	l.over = true
	l.more.Broadcast()
	l.mu.Unlock()
	<-l.ended
	return l.err
}

func (l *lines) pump() {
	defer close(l.ended)
	for batch := l.next(); batch != ""; batch = l.next() {
		_, err := promise.Await(l.ctx, l.sink.Invoke(batch))
		l.mu.Lock()
		l.err = err
		l.more.Broadcast()
		l.mu.Unlock()
	}
}

// next is "" when nothing more will come.
func (l *lines) next() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.batch) == 0 && !l.over && l.err == nil {
		l.more.Wait()
	}
	if l.err != nil {
		return ""
	}
	batch := string(l.batch)
	l.batch = l.batch[:0]
	l.more.Broadcast()
	return batch
}

// output hands bytes to the page. One piece may be under way while the verb makes the next.
type output struct {
	ctx   context.Context
	name  string
	sink  js.Value
	taken js.Value // the promise of the piece before
}

func (o *output) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := min(len(p)-n, piece)
		if err := o.wait(); err != nil {
			return n, err
		}
		bytes := js.Global().Get("Uint8Array").New(k)
		js.CopyBytesToJS(bytes, p[n:n+k])
		o.taken = o.sink.Invoke(o.name, bytes)
		n += k
	}
	return n, nil
}

func (o *output) wait() error {
	if o.taken.IsUndefined() {
		return o.ctx.Err()
	}
	_, err := promise.Await(o.ctx, o.taken)
	return err
}

// Close returns when everything has been taken.
func (o *output) Close() error { return o.wait() }

// Abort leaves the page with what it has: the error of the call says that it is not whole.
func (o *output) Abort(error) {}
