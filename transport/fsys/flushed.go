package fsys

import (
	"sync"
	"sync/atomic"
)

// flushEvery is how many bytes a file grows by before it is synced for the first time, and again.
const flushEvery = 16 << 20

// Flushed syncs w again and again as it grows, while more is written, so that a Sync at the end finds little left to do. Without
// it the disk, and a cache that it may have, would begin with all of a large file when nothing else is left to do. It is w with
// another name: who has closed the one has closed the other.
func Flushed(w Writer) Writer { return &flushed{Writer: w, synced: w.Size()} }

type flushed struct {
	Writer
	synced  int64 // size when the last sync began
	running atomic.Bool
	syncs   sync.WaitGroup
	err     error // of the first sync that failed: the system may tell it once only
}

func (f *flushed) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if size := f.Size(); err == nil && size-f.synced >= flushEvery && f.running.CompareAndSwap(false, true) {
		f.synced = size
		f.syncs.Go(f.sync)
	}
	return n, err
}

// sync is one sync in the background.
func (f *flushed) sync() {
	defer f.running.Store(false)
	if err := f.Writer.Sync(); f.err == nil {
		f.err = err
	}
}

// Sync fails also where an earlier one did that nobody has heard of.
func (f *flushed) Sync() error {
	f.syncs.Wait()
	if f.err != nil {
		return f.err
	}
	return f.Writer.Sync()
}

// Close says nothing of syncs that failed: who relies on them asks Sync.
func (f *flushed) Close() error {
	f.syncs.Wait()
	return f.Writer.Close()
}
