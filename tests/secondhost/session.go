package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

// session is an instance with what it has asked for. Its loop alone touches the module; each open id has a goroutine that answers through
// a channel.
type session struct {
	ctx     context.Context
	m       *module
	o       options
	out     *printer
	http    *http.Transport
	open    map[uint32]*task
	answers chan answer
}

// task is what an open id asked for.
type task struct {
	ctx     context.Context
	stop    context.CancelFunc
	id      uint32
	answers chan<- answer
	reads   chan frame // read, pread: the module has at most two unanswered
	writes  chan frame // write: one, and after a rewind perhaps another of the pass before
}

// answer is a frame for the module; last ends its id.
type answer struct {
	frame
	last bool
}

func newSession(ctx context.Context, m *module, o options, out *printer) *session {
	return &session{
		ctx: ctx, m: m, o: o, out: out, open: map[uint32]*task{}, answers: make(chan answer),
		http: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true},
	}
}

// call runs one verb to its end. The first interrupt asks it to end, the second does not wait for that.
func (s *session) call(verb string, request []byte, interrupts <-chan os.Signal) error {
	hello := header{Type: "hello", ABI: 1, Platform: s.o.platform, Upload: "stream", Capabilities: []string{"files", "credentials"}}
	for _, h := range []header{hello, {Type: "call", Call: 1, Verb: verb, Request: request}} {
		if err := s.m.send(frame{header: h}); err != nil {
			return err
		}
	}
	go s.interrupted(interrupts)
	defer s.http.CloseIdleConnections()
	for {
		state, err := s.m.step()
		if err != nil {
			return err
		}
		switch state {
		case 0:
			err = s.give(<-s.answers)
		case 1:
			var done bool
			if done, err = s.handleAll(); done {
				return err
			}
		case 2:
			err = errors.New("the call ended without a result")
		default:
			runtime.Gosched()
		}
		if err == nil {
			err = s.giveAll()
		}
		if err != nil {
			return err
		}
	}
}

// interrupted waits for interrupts until the call has ended.
func (s *session) interrupted(interrupts <-chan os.Signal) {
	select {
	case <-interrupts:
	case <-s.ctx.Done():
		return
	}
	select {
	case s.answers <- answer{frame: frame{header: header{Type: "cancel", Call: 1}}}:
	case <-s.ctx.Done():
		return
	}
	select {
	case <-interrupts:
		os.Exit(report(&failure{Kind: "cancelled", Message: "interrupted"}))
	case <-s.ctx.Done():
	}
}

// giveAll pushes the answers that there are.
func (s *session) giveAll() error {
	for {
		select {
		case a := <-s.answers:
			if err := s.give(a); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// give pushes an answer, unless its id has been closed since.
func (s *session) give(a answer) error {
	t := s.open[a.ID]
	if a.ID != 0 && t == nil {
		return nil
	}
	if a.last {
		s.end(t)
	}
	return s.m.send(a.frame)
}

func (s *session) end(t *task) {
	t.stop()
	delete(s.open, t.id)
}

// handleAll takes the frames that are ready and reports whether the call has ended.
func (s *session) handleAll() (done bool, err error) {
	for {
		f, ok, err := s.m.pull()
		if !ok || err != nil {
			return false, err
		}
		switch f.Type {
		case "result":
			return true, s.out.result(f.Value)
		case "error":
			return true, &failure{Kind: f.Kind, Message: f.Text, Hint: f.Hint}
		case "item":
			err = s.out.item(f.payload)
		case "output":
			if err = s.out.bytes(f.payload); err == nil && !f.EOF {
				err = s.m.send(frame{header: header{Type: "ready", Call: f.Call, Stream: f.Stream}})
			}
		default:
			s.ask(f)
		}
		if err != nil {
			return false, err
		}
	}
}

// ask starts, feeds or stops a task. Frames of other types ("hello", "event" and those of later versions) are nothing to this host.
func (s *session) ask(f frame) {
	start := func(work func(*task, frame)) {
		t := &task{id: f.ID, answers: s.answers, reads: make(chan frame, 2), writes: make(chan frame, 2)}
		t.ctx, t.stop = context.WithCancel(s.ctx)
		s.open[t.id] = t
		go work(t, f)
	}
	switch f.Type {
	case "fetch":
		start(s.fetch)
	case "open":
		start(s.input)
	case "credential":
		start(s.credential)
	case "timer":
		start(func(t *task, f frame) {
			select {
			case <-time.After(time.Duration(f.MS) * time.Millisecond):
				t.end(header{Type: "fired"})
			case <-t.ctx.Done():
			}
		})
	}
	t := s.open[f.ID]
	if t == nil {
		return
	}
	switch f.Type {
	case "read", "pread":
		t.reads <- f
	case "write":
		t.writes <- f
	case "close":
		s.end(t)
	}
}

func (s *session) credential(t *task, f frame) {
	h := header{Type: "credential"}
	for _, c := range s.o.creds {
		if c[0] != f.Registry {
			continue
		}
		if user, secret, _ := strings.Cut(c[1], ":"); user == "" {
			h.Token = secret
		} else {
			h.Username, h.Password = user, secret
		}
	}
	t.end(h)
}

// send gives the loop an answer; false when the id has ended.
func (t *task) send(h header, payload []byte, last bool) bool {
	h.ID = t.id
	select {
	case t.answers <- answer{frame{h, payload}, last}:
		return true
	case <-t.ctx.Done():
		return false
	}
}

// end gives the last answer.
func (t *task) end(h header) { t.send(h, nil, true) }

func (t *task) fault(kind string, err error) {
	t.end(header{Type: "fault", Kind: kind, Text: err.Error()})
}
