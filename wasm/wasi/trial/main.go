//go:build wasip1

// Command trial is a reactor whose verbs do nothing but wait and work in the ways that a step has to cope with. Tests run
// it; nobody ships it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/wasm/frame"
	"github.com/stevedore-oci/stevedore/wasm/wasi/reactor"
)

func init() { reactor.Serve(&trial{link: polled.NewLink()}) }

func main() {}

// trial implements reactor.Guest.
type trial struct {
	link *polled.Link
	open atomic.Int32
}

func (g *trial) Pull() []byte         { return g.link.Pull() }
func (g *trial) Waiting() bool        { return g.link.Queued() > 0 }
func (g *trial) Flush()               {}
func (g *trial) Idle() bool           { return g.open.Load() == 0 }
func (g *trial) Complain(text string) { g.link.Send(&frame.Header{Type: frame.Error, Text: text}, nil) }

func (g *trial) Push(b []byte) {
	h, payload, err := frame.Decode(b)
	switch {
	case err != nil:
		g.Complain(err.Error())
	case h.Type == frame.Call:
		g.open.Add(1)
		go g.run(h)
	default:
		g.link.Deliver(h, payload)
	}
}

// in is the request of each verb.
type in struct {
	N  int           // pieces of an upload, or yields
	MS time.Duration // of a timer
}

func (g *trial) run(h *frame.Header) {
	var req in
	err := json.Unmarshal(h.Request, &req)
	if err == nil {
		err = g.verb(h.Verb, h.Call, req)
	}
	end := &frame.Header{Type: frame.Result, Call: h.Call}
	if err != nil {
		end = &frame.Header{Type: frame.Error, Call: h.Call, Text: err.Error()}
	}
	g.open.Add(-1)
	g.link.Send(end, nil)
}

func (g *trial) verb(name string, call uint32, req in) error {
	ctx := context.Background()
	fetcher := g.link.Fetcher(call, fetchshim.UploadStream)
	switch name {
	case "upload": // a body behind a pipe, made while it is sent
		return fetch(ctx, fetcher, &fetchshim.Request{Method: "PUT", URL: "http://a.example/", Body: piped(req.N)})
	case "timeout": // a request that has so long
		ctx, cancel := g.link.Clock(call).WithTimeout(ctx, req.MS*time.Millisecond)
		defer cancel()
		return fetch(ctx, fetcher, &fetchshim.Request{URL: "http://a.example/"})
	case "sleep":
		return g.link.Clock(call).Sleep(ctx, req.MS*time.Millisecond)
	case "work": // yields so often, and tells nobody
		for range req.N {
			runtime.Gosched()
		}
		return nil
	case "garbage": // makes the collector run
		var keep [][]byte
		for i := range req.N {
			keep = append(keep[max(0, len(keep)-64):], make([]byte, 1000+i%5000))
			runtime.Gosched()
		}
		runtime.KeepAlive(keep)
		return nil
	}
	return errors.New("no such verb")
}

func fetch(ctx context.Context, f fetchshim.Fetcher, req *fetchshim.Request) error {
	resp, err := f.Fetch(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// piped is a body of n pieces of 64 KiB from another goroutine, which yields while it makes them.
func piped(n int) fetchshim.Body {
	return fetchshim.BodyFunc{Size: -1, From: func(context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			piece := make([]byte, frame.MaxPayload/16)
			for i := range n * 16 {
				for j := range piece {
					piece[j] = byte(i)
				}
				runtime.Gosched()
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
			_ = w.Close()
		}()
		return r, nil
	}}
}
