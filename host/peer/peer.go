// Package peer is the host's side of the frames (docs/ABI.md) without a WebAssembly runtime: it answers what a guest asks
// for, with a Fetcher, open files, the clock and a credential lookup. Package host joins it to wazero; a program with
// another runtime, or a test without any, uses it by itself.
package peer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/wasm/frame"
)

// Options is what the guest may reach. The zero value gives nothing but timers.
type Options struct {
	// Fetcher sends requests; nil refuses them.
	Fetcher fetchshim.Fetcher
	// Allow is asked before each request of the guest; an error refuses it. Redirects are followed by the Fetcher, whose
	// own policy decides about them (nethttp.Options.Allow).
	Allow func(method, url string) error
	// Credential finds the user of a registry; nil, or zero fields, means anonymous.
	Credential func(ctx context.Context, registry string) (Credential, error)
	// Inputs are files by the name that a request uses for them.
	Inputs map[string]Input
}

// Credential is what a user has for one registry: a name and a password, or a bearer token.
type Credential struct{ Username, Password, Token string }

// Input is an open file that allows concurrent reads, as *bytes.Reader and *io.SectionReader do.
type Input interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Reply takes a frame for the guest. It is called from several goroutines, may wait, and returns false when the guest is
// gone.
type Reply func(h *frame.Header, payload []byte) bool

// Peer answers one guest.
type Peer struct {
	o      Options
	reply  Reply
	ctx    context.Context
	cancel context.CancelFunc

	running sync.WaitGroup
	mu      sync.Mutex
	ids     map[uint32]*exchange
}

// New makes a Peer whose requests end with ctx. The caller closes it.
func New(ctx context.Context, o Options, reply Reply) *Peer {
	p := &Peer{o: o, reply: reply, ids: map[uint32]*exchange{}}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// Close breaks off whatever is under way and returns when none of it runs any more: no Fetcher, Credential or Input of the
// Options is used afterwards. Reply must not wait by then.
func (p *Peer) Close() {
	p.cancel()
	p.running.Wait()
}

// Upload says in hello's terms how request bodies are sent.
func (o Options) Upload() string {
	if o.Fetcher == nil {
		return string(fetchshim.UploadBlob)
	}
	return string(fetchshim.UploadOf(o.Fetcher))
}

// Handle takes a frame of the guest and starts answering it; it never waits. False means that the frame is not about
// input and output. The payload may be kept.
func (p *Peer) Handle(h *frame.Header, payload []byte) bool {
	switch h.Type {
	case frame.Fetch:
		p.start(h.ID, func(x *exchange) { p.fetch(x, h) })
	case frame.Open:
		p.start(h.ID, func(x *exchange) { p.open(x, h) })
	case frame.Timer:
		p.start(h.ID, func(x *exchange) { p.timer(x, h) })
	case frame.Credential:
		p.start(h.ID, func(x *exchange) { p.credential(x, h) })
	case frame.Read, frame.Pread:
		if x := p.find(h.ID); x != nil {
			offer(x.asks, h)
		}
	case frame.Write:
		if x := p.find(h.ID); x != nil {
			x.pieces.put(h.Pass, piece{h.EOF, payload})
		}
	case frame.Close:
		if x := p.find(h.ID); x != nil {
			x.cancel()
		}
	default:
		return false
	}
	return true
}

// exchange is one id of the guest.
type exchange struct {
	id     uint32
	ctx    context.Context
	cancel context.CancelFunc
	asks   chan *frame.Header // read and pread
	pieces pieces             // write
}

// window covers what a guest may send without an answer; one that sends more breaks the contract and loses the frame.
const window = 8

func offer[T any](ch chan T, v T) {
	select {
	case ch <- v:
	default:
	}
}

// maxOpen is how many exchanges may be open at once; a guest of ours has some dozens.
const maxOpen = 1024

// start begins an exchange. An id that is in use, or one too many, breaks the contract and is ignored.
func (p *Peer) start(id uint32, run func(*exchange)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[id] != nil || len(p.ids) >= maxOpen || p.ctx.Err() != nil {
		return
	}
	x := &exchange{id: id, asks: make(chan *frame.Header, window), pieces: pieces{now: make(chan piece, window)}}
	x.ctx, x.cancel = context.WithCancel(p.ctx)
	p.ids[id] = x
	p.running.Go(func() {
		run(x)
		x.cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.ids, id)
	})
}

func (p *Peer) find(id uint32) *exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
}

// answer sends a frame unless the guest has closed the exchange.
func (p *Peer) answer(x *exchange, h *frame.Header, payload []byte) bool {
	h.ID = x.id
	return x.ctx.Err() == nil && p.reply(h, payload)
}

func (p *Peer) fault(x *exchange, kind string, err error) {
	p.answer(x, &frame.Header{Type: frame.Fault, Kind: kind, Text: err.Error()}, nil)
}

func (p *Peer) timer(x *exchange, h *frame.Header) {
	t := time.NewTimer(time.Duration(h.MS) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		p.answer(x, &frame.Header{Type: frame.Fired}, nil)
	case <-x.ctx.Done():
	}
}

func (p *Peer) credential(x *exchange, h *frame.Header) {
	var c Credential
	if p.o.Credential != nil {
		var err error
		if c, err = p.o.Credential(x.ctx, h.Registry); err != nil {
			p.fault(x, "refused", err)
			return
		}
	}
	p.answer(x, &frame.Header{Type: frame.Credential, Username: c.Username, Password: c.Password, Token: c.Token}, nil)
}

// open answers from the inputs; what is not there the guest looks for in its directories.
func (p *Peer) open(x *exchange, h *frame.Header) {
	in, ok := p.o.Inputs[h.Name]
	if !ok {
		p.fault(x, "not_found", fs.ErrNotExist)
		return
	}
	p.answer(x, &frame.Header{Type: frame.Opened, Kind: "file", Size: in.Size()}, nil)
	for {
		select {
		case h := <-x.asks:
			p.pread(x, h, in)
		case <-x.ctx.Done():
			return
		}
	}
}

func (p *Peer) pread(x *exchange, h *frame.Header, in Input) {
	b := make([]byte, min(max(h.Max, 0), frame.MaxPayload))
	n, err := in.ReadAt(b, h.Off)
	if err != nil && !errors.Is(err, io.EOF) {
		p.fault(x, "network", err)
		return
	}
	p.answer(x, &frame.Header{Type: frame.Data}, b[:n])
}
