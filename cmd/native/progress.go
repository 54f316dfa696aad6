package main

import (
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/stevedore-oci/stevedore/cmd/cli"
	"github.com/stevedore-oci/stevedore/core/event"
)

// patience is how long a command may take before it shows what it does.
const patience = time.Second

// progress shows on standard error, once the command has taken a while, that it goes on and how far it is, and a bar for each
// blob in flight.
type progress struct {
	what  string
	start time.Time
	timer *time.Timer
	tally tally // has a lock of its own, since mpb reads it while it draws

	mu    sync.Mutex
	all   *mpb.Progress // nil before patience has run out, and after the end
	wait  *mpb.Bar
	bars  map[string]*mpb.Bar
	kinds map[string]string // what a subject is
	done  map[string]int64  // its bytes
}

func newProgress(what string) cli.Progress {
	p := &progress{what: cut(what, 26), start: time.Now(), bars: map[string]*mpb.Bar{}, kinds: map[string]string{}, done: map[string]int64{}}
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
		mpb.AppendDecorators(decor.Name(p.what), decor.NewElapsed(decor.ET_STYLE_GO, p.start, decor.WC{W: 5}),
			decor.Any(func(decor.Statistics) string { return p.tally.String() })))
}

// Show takes an event.
func (p *progress) Show(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		return
	}
	if e.Kind == event.Started {
		p.kinds[e.Subject] = e.Message
		if e.Message == event.Image {
			p.tally.grow(e.Total)
		}
		return
	}
	if p.kinds[e.Subject] == event.Image {
		return
	}
	p.tally.add(e.Done-p.done[e.Subject], e.Kind == event.Progress, time.Now())
	p.done[e.Subject] = e.Done
	if p.all != nil {
		p.draw(e)
	}
}

// draw shows a blob that makes progress, and takes it away when it is there.
func (p *progress) draw(e event.Event) {
	bar := p.bars[e.Subject]
	switch {
	case e.Kind == event.Progress && bar == nil:
		bar = p.all.AddBar(max(e.Total, e.Done), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(label(e.Subject, p.kinds[e.Subject]), decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Counters(decor.SizeB1000(0), "% .1f of % .1f")))
		p.bars[e.Subject] = bar
		bar.SetCurrent(e.Done)
	case e.Kind == event.Progress:
		bar.SetCurrent(e.Done)
	case e.Kind == event.Finished && bar != nil:
		bar.SetTotal(max(e.Total, e.Done), true)
		delete(p.bars, e.Subject)
	}
}

// Above prints lines above the bars, and straight to w where there are none.
func (p *progress) Above(w io.Writer, lines []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all != nil {
		home()
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
		home()
		for _, b := range p.bars {
			b.Abort(true)
		}
		p.wait.Abort(true)
		p.all.Wait()
	}
	p.all, p.bars = nil, nil
}

// home goes to the beginning of the line: a terminal that shows ^C for an interrupt moves on, and mpb clears from where it is.
func home() { _, _ = os.Stderr.WriteString("\r") }

// label is a short digest, or the beginning of another name, and what it is.
func label(subject, kind string) string {
	const digits, most = 12, 40
	if _, hex, ok := strings.Cut(subject, ":"); ok && len(hex) >= 64 {
		subject = hex[:digits]
	}
	return strings.TrimSpace(cut(subject, most) + " " + kind)
}

func cut(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}
