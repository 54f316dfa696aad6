package main

import (
	"fmt"
	"sync"
	"time"
)

// window is how far back the rate looks.
const window = 10 * time.Second

// tally counts the bytes of all that is copied. It is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	total   int64
	there   int64 // of total: moved, or found to be there
	moved   int64
	samples []sample // of the window, the oldest first
}

type sample struct {
	at    time.Time
	moved int64
}

// grow adds an image.
func (t *tally) grow(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += bytes
}

// add counts bytes of a blob, fewer than none where it was begun anew; moved says that they were read and not merely found.
func (t *tally) add(bytes int64, moved bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.there += bytes
	if moved {
		t.moved += max(bytes, 0)
	}
	t.samples = append(t.samples, sample{now, t.moved})
	for len(t.samples) > 2 && now.Sub(t.samples[0].at) > window {
		t.samples = t.samples[1:]
	}
}

// String is ", 412.0 MB of 1.1 GB, 30.1 MB/s, 23s left", of which each part is left out that is not known, and "" where nothing
// is copied.
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total == 0 {
		return ""
	}
	text := fmt.Sprintf(", %s of %s", decimal(float64(t.there)), decimal(float64(t.total)))
	if len(t.samples) == 0 {
		return text
	}
	first, last := t.samples[0], t.samples[len(t.samples)-1]
	rate := float64(last.moved-first.moved) / last.at.Sub(first.at).Seconds()
	if !(rate >= 1) { // of one sample it is not even a number
		return text
	}
	text += ", " + decimal(rate) + "/s"
	if left := t.total - t.there; left > 0 {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// decimal shows bytes as 12.3 MB.
func decimal(n float64) string {
	unit := 0
	for units := "kMGTP"; n >= 1000 && unit < len(units); unit++ {
		n /= 1000
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%.1f %cB", n, " kMGTP"[unit])
}
