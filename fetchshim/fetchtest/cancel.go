package fetchtest

import (
	"context"
	"runtime"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

func closed(st State) bool { return st.Closed }

func (s *suite) cancelledBefore() {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	id := s.id()
	_, err := s.f.Fetch(ctx, &fetchshim.Request{URL: s.s.A + "/hold?id=" + id})
	s.wantCancelled(err)
	if n := s.state(id).Requests; n != 0 {
		s.Errorf("the server got %d requests", n)
	}
}

func (s *suite) cancelHead() {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	id := s.id()
	failed := make(chan error, 1)
	go func() {
		_, err := s.f.Fetch(ctx, &fetchshim.Request{URL: s.s.A + "/hold?id=" + id})
		failed <- err
	}()
	s.until(id, "the request arrives", 5*time.Second, func(st State) bool { return st.Requests == 1 })
	cancel()
	select {
	case err := <-failed:
		s.wantCancelled(err)
	case <-time.After(s.o.Grace):
		s.Fatal("Fetch did not return")
	}
	s.until(id, "the connection closes", s.o.Grace, closed)
}

func (s *suite) cancelBody() {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	id := s.id()
	res, _ := s.stream(ctx, id, 1<<14)
	cancel()
	_, err := res.Body.Read(make([]byte, 10))
	s.wantCancelled(err)
	s.until(id, "the connection closes", s.o.Grace, closed)
}

// cancelRead cancels while Read waits for a byte that does not come.
func (s *suite) cancelRead() {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	id := s.id()
	res, _ := s.stream(ctx, id+"&stall=1", 1)
	failed := make(chan error, 1)
	go func() {
		_, err := res.Body.Read(make([]byte, 10))
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond)
	cancel()
	select {
	case err := <-failed:
		s.wantCancelled(err)
	case <-time.After(s.o.Grace):
		s.Fatal("Read did not return")
	}
	s.until(id, "the connection closes", s.o.Grace, closed)
}

func (s *suite) closeBody() {
	id := s.id()
	res, _ := s.stream(s.ctx, id, 1<<14)
	if err := res.Body.Close(); err != nil {
		s.Errorf("closing early: %v", err)
	}
	s.until(id, "the connection closes", s.o.Grace, closed)
	if n, err := res.Body.Read(make([]byte, 10)); n != 0 || err == nil {
		s.Errorf("Read after Close gave %d bytes, error %v", n, err)
	}
	if err := res.Body.Close(); err != nil {
		s.Errorf("closing again: %v", err)
	}
}

func (s *suite) deadline() {
	ctx, cancel := context.WithTimeout(s.ctx, 100*time.Millisecond)
	defer cancel()
	_, err := s.f.Fetch(ctx, &fetchshim.Request{URL: s.s.A + "/hold?id=" + s.id()})
	s.wantFault(err, fetchshim.Timeout)
}

// leaves breaks off many responses and uploads in each way and looks for goroutines that stay.
func (s *suite) leaves() {
	round := func() {
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		res, _ := s.stream(ctx, s.id(), 1<<10)
		res.Body.Close()
		s.stream(ctx, s.id(), 1<<10)
		opens := 0
		url := s.s.A + "/status?code=401"
		if res, err := s.f.Fetch(ctx, &fetchshim.Request{Method: "PUT", URL: url, Body: s.body(2<<20, true, &opens)}); err == nil {
			res.Body.Close()
		}
		s.state(s.id())
	}
	round()
	before := runtime.NumGoroutine()
	for range 20 {
		round()
	}
	const idle = 12 // connections that wait for the next request
	now := 0
	for range 300 {
		if now = runtime.NumGoroutine(); now <= before+idle {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Errorf("%d goroutines became %d", before, now)
}
