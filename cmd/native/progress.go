package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/event"
)

// patience is how long a command may take before it shows what it does.
const patience = time.Second

// progress shows on standard error, once the command has taken a while, that it goes on, and a bar for each blob in flight.
type progress struct {
	what  string
	start time.Time
	timer *time.Timer

	mu   sync.Mutex
	all  *mpb.Progress // nil before patience has run out, and after the end
	wait *mpb.Bar
	bars map[string]*mpb.Bar
}

func newProgress(what string) cli.Progress {
	p := &progress{what: cut(what, 48), start: time.Now(), bars: map[string]*mpb.Bar{}}
	p.timer = time.AfterFunc(patience, p.begin)
	return p
}

func (p *progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		return // it has ended
	}
	p.all = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40))
	p.wait = p.all.New(0, mpb.SpinnerStyle(), mpb.BarWidth(1), mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(decor.Name(p.what), decor.NewElapsed(decor.ET_STYLE_GO, p.start, decor.WC{W: 5})))
}

// Show takes an event.
func (p *progress) Show(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		return
	}
	bar := p.bars[e.Subject]
	switch {
	case e.Kind == event.Progress && bar == nil:
		bar = p.all.AddBar(max(e.Total, e.Done), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(cut(e.Subject, 19), decor.WCSyncSpaceR)), // the algorithm and twelve digits
			mpb.AppendDecorators(decor.Counters(decor.SizeB1000(0), "% .1f of % .1f")))
		p.bars[e.Subject] = bar
		bar.SetCurrent(e.Done)
	case e.Kind == event.Progress:
		bar.SetCurrent(e.Done)
	case e.Kind == event.Finished && bar != nil:
		bar.SetCurrent(max(e.Total, e.Done))
		bar.EnableTriggerComplete()
		delete(p.bars, e.Subject)
	}
}

// Above prints lines above the bars, and straight to w where there are none.
func (p *progress) Above(w io.Writer, lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all != nil {
		return p.all.Write(lines)
	}
	return w.Write(lines)
}

// Stop removes what is shown.
func (p *progress) Stop() {
	p.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all != nil {
		for _, b := range p.bars {
			b.Abort(true)
		}
		p.wait.Abort(true)
		p.all.Wait()
	}
	p.all, p.bars = nil, nil
}

func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}
