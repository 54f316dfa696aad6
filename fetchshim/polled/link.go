// Package polled is the guest's side of inverted I/O: what a WASI module wants from the world goes out as frames, and what
// the host answers comes in as frames, whenever it likes (docs/ABI.md). Nothing here blocks a thread; goroutines wait on
// channels. It has no build tag, so that its tests run anywhere.
package polled

import (
	"context"
	"fmt"
	"sync"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// maxQueue is how many frames may wait for the host before a producer of content has to wait too.
const maxQueue = 32

// Link carries frames between goroutines and the host. It is safe for concurrent use.
type Link struct {
	mu     sync.Mutex
	room   sync.Cond // there is room in queue
	queue  [][]byte
	nextID uint32
	open   map[uint32]*conversation
}

// message is a frame that came in.
type message struct {
	head    *frame.Header
	payload []byte
}

// conversation is one id that the host may answer. Its inbox never blocks the host: what does not fit breaks the
// contract and ends the conversation.
type conversation struct {
	id    uint32
	inbox chan message
}

// inboxSize covers a response, two granted bodies, a fault, and a ready and a rewind for an upload.
const inboxSize = 8

// NewLink returns a Link without a host.
func NewLink() *Link {
	l := &Link{open: map[uint32]*conversation{}}
	l.room.L = &l.mu
	return l
}

// Send queues a frame of control, which never waits. A frame that is too large, as the result of a verb may be, becomes
// the error frame of its call.
func (l *Link) Send(h *frame.Header, payload []byte) {
	b := encode(h, payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, b)
}

func encode(h *frame.Header, payload []byte) []byte {
	b, err := frame.Encode(h, payload)
	if err != nil {
		b, _ = frame.Encode(&frame.Header{Type: frame.Error, Call: h.Call, Kind: "internal", Text: err.Error()}, nil)
	}
	return b
}

// SendContent queues a frame when there is [Link.Room] for it.
func (l *Link) SendContent(ctx context.Context, h *frame.Header, payload []byte) error {
	if err := l.Room(ctx); err != nil {
		return err
	}
	l.Send(h, payload)
	return nil
}

// Room waits until the host has taken enough of the frames that wait. It returns ctx's error when that ends first.
func (l *Link) Room(ctx context.Context) error {
	if err := ctx.Err(); err != nil || l.Queued() < maxQueue {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.room.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) >= maxQueue && ctx.Err() == nil {
		l.room.Wait()
	}
	return ctx.Err()
}

// Pull takes the next frame for the host; nil when there is none.
func (l *Link) Pull() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil
	}
	b := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	if len(l.queue) < maxQueue {
		l.room.Broadcast()
	}
	return b
}

// Queued is how many frames wait for the host.
func (l *Link) Queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// Deliver gives an answer of the host to whoever asked. An id that is unknown or closed is ignored, as the contract says,
// since an answer may cross the close on its way. The payload must not change afterwards.
func (l *Link) Deliver(h *frame.Header, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.open[h.ID]
	if !ok {
		return
	}
	select {
	case c.inbox <- message{h, payload}:
	default:
		delete(l.open, h.ID)
		close(c.inbox)
		l.close(h.ID)
	}
}

// start opens a conversation.
func (l *Link) start() *conversation {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextID++
	c := &conversation{id: l.nextID, inbox: make(chan message, inboxSize)}
	l.open[c.id] = c
	return c
}

// end closes a conversation and tells the host, who drops what is under way. It may be called twice.
func (l *Link) end(c *conversation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[c.id]; ok {
		delete(l.open, c.id)
		l.close(c.id)
	}
}

// close tells the host that nobody waits for an id any more.
func (l *Link) close(id uint32) {
	l.queue = append(l.queue, encode(&frame.Header{Type: frame.Close, ID: id}, nil))
}

// forget closes a conversation that the host has ended.
func (l *Link) forget(c *conversation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c.id)
}

// receive waits for the next answer.
func (c *conversation) receive(ctx context.Context) (message, error) {
	select {
	case m, ok := <-c.inbox:
		if !ok {
			return m, fmt.Errorf("the host sent more than was asked for")
		}
		return m, nil
	case <-ctx.Done():
		return message{}, ctx.Err()
	}
}
