package main

import (
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/stevedore-oci/stevedore/core/event"
)

// patience is how long a command may take before it shows what it does.
const patience = time.Second

// newProgress shows a bar for each blob in flight, on standard error, once the command has taken a while.
func newProgress() (show func(event.Event), stop func()) {
	p := &progress{start: time.Now(), bars: map[string]*mpb.Bar{}}
	return p.show, p.stop
}

type progress struct {
	mu    sync.Mutex
	start time.Time
	bars  map[string]*mpb.Bar
	all   *mpb.Progress
}

func (p *progress) show(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.start) < patience {
		return
	}
	if p.all == nil {
		p.all = mpb.New(mpb.WithOutput(os.Stderr), mpb.WithWidth(40))
	}
	bar := p.bars[e.Subject]
	switch {
	case e.Kind == event.Progress && bar == nil:
		bar = p.all.AddBar(max(e.Total, e.Done), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(name(e.Subject), decor.WCSyncSpaceR)),
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

func name(subject string) string {
	const shown = 19 // the algorithm and twelve digits
	return subject[:min(len(subject), shown)]
}

func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		return
	}
	for _, b := range p.bars {
		b.Abort(true)
	}
	p.all.Wait()
}
