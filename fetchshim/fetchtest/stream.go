package fetchtest

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// stream opens a response of many frames and reads the first.
func (s *suite) stream(ctx context.Context, id string, frames int64) (*fetchshim.Response, int64) {
	s.Helper()
	res, err := s.f.Fetch(ctx, &fetchshim.Request{URL: fmt.Sprintf("%s/stream?id=%s&frames=%d", s.s.A, id, frames)})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { res.Body.Close() })
	first := make([]byte, Frame)
	n, err := io.ReadFull(res.Body, first)
	if err == nil {
		err = s.pattern.Check(0, first)
	}
	if err != nil {
		s.Fatalf("first frame: %d bytes, %v", n, err)
	}
	return res, int64(n)
}

func (s *suite) backPressure() {
	id := s.id()
	sent := s.o.Sent
	if sent == nil {
		sent = func() int64 { return s.state(id).Frames * Frame }
	}
	start := int64(0)
	if s.o.Sent != nil {
		start = s.o.Sent()
	}
	frames := 4 * s.o.Ahead / Frame
	res, read := s.stream(s.ctx, id, frames)
	ahead := int64(-1)
	for now := sent(); now != ahead; now = sent() { // until the sender stands still
		ahead = now
		time.Sleep(300 * time.Millisecond)
	}
	if ahead -= start + read; ahead > s.o.Ahead {
		s.Errorf("%d bytes were sent ahead of a reader that sleeps, more than %d", ahead, s.o.Ahead)
	}
	s.Logf("%d KiB ahead", ahead>>10)
	if n, err := s.pattern.Drain(res.Body, read, nil); n != frames*Frame || err != nil {
		s.Errorf("%d bytes of %d, error %v", n, frames*Frame, err)
	}
}

func (s *suite) large() {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, most := heap(), uint64(0)
	res := s.fetch(&fetchshim.Request{URL: fmt.Sprintf("%s/sized?bytes=%d", s.s.A, s.o.Large)})
	next, start := int64(0), time.Now()
	n, err := s.pattern.Drain(res.Body, 0, func(off int64) {
		if off >= next {
			most, next = max(most, heap()), off+8<<20
		}
	})
	if n != s.o.Large || err != nil {
		s.Fatalf("%d bytes of %d, error %v", n, s.o.Large, err)
	}
	if most > before+32<<20 {
		s.Errorf("the heap grew by %d MiB", (most-before)>>20)
	}
	grown := int64(most) - int64(before)
	s.Logf("%d MiB at %.0f MiB/s, heap grew by %d KiB", n>>20, float64(n>>20)/time.Since(start).Seconds(), grown>>10)
}

func (s *suite) truncated() {
	for _, send := range []int{0, 500, 200_000} {
		res, err := s.f.Fetch(s.ctx, &fetchshim.Request{URL: fmt.Sprintf("%s/truncated?bytes=300000&send=%d", s.s.A, send)})
		if err == nil {
			_, err = s.pattern.Drain(res.Body, 0, nil)
			res.Body.Close()
		}
		if err == nil {
			s.Errorf("%d bytes of 300000 look like a whole body", send)
			continue
		}
		s.wantFault(err, fetchshim.Network)
	}
}

func (s *suite) refused() {
	_, err := s.f.Fetch(s.ctx, &fetchshim.Request{URL: s.s.Dead + "/echo"})
	s.wantFault(err, fetchshim.Network)
}
