package nethttp

import (
	"context"
	"sync"
	"time"
)

// watch ends a call when it stays armed for its limit.
type watch struct {
	limit  time.Duration // not positive: never
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

func newWatch(limit time.Duration, cancel context.CancelCauseFunc) *watch {
	return &watch{limit: limit, cancel: cancel}
}

func (w *watch) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopped || w.limit <= 0:
	case w.timer == nil:
		w.timer = time.AfterFunc(w.limit, func() { w.cancel(inactive(w.limit)) })
	default:
		w.timer.Reset(w.limit)
	}
}

func (w *watch) disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}

// stop disarms for good.
func (w *watch) stop() {
	w.disarm()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
}
