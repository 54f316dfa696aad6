package fsystest

import (
	"context"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// WritableDir checks a directory that open returns empty each time.
func WritableDir(t *testing.T, open func(t *testing.T) fsys.WritableDir) {
	t.Run("filled, it reads", func(t *testing.T) {
		d := open(t)
		Fill(t, d)
		Dir(t, d)
	})
	t.Run("append", func(t *testing.T) { appends(t, open(t)) })
	t.Run("rename", func(t *testing.T) { renames(t, open(t)) })
	t.Run("remove", func(t *testing.T) {
		d := open(t)
		Write(t, d, "x/y", "1")
		require.NoError(t, d.Remove(t.Context(), "x/y"))
		_, err := d.Open(t.Context(), "x/y")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, d.Remove(t.Context(), "x/y"), "what is not there is no error")
		require.NoError(t, d.Remove(t.Context(), "x"), "nor is an empty directory")
		got, err := d.List(t.Context(), ".")
		require.NoError(t, err)
		require.Empty(t, got)
	})
	t.Run("sync", func(t *testing.T) {
		d := open(t)
		Write(t, d, "x/y", "1")
		for _, name := range []string{".", "x", "nope"} {
			require.NoError(t, d.Sync(t.Context(), name), name)
		}
		require.ErrorIs(t, d.Sync(t.Context(), "../x"), fs.ErrInvalid)
	})
	t.Run("names stay inside", func(t *testing.T) {
		d := open(t)
		Write(t, d, "in", "1")
		for _, name := range outside {
			_, err := d.Append(t.Context(), name)
			require.ErrorIs(t, err, fs.ErrInvalid, name)
			require.ErrorIs(t, d.Rename(t.Context(), "in", name), fs.ErrInvalid, name)
			require.ErrorIs(t, d.Rename(t.Context(), name, "in"), fs.ErrInvalid, name)
			require.ErrorIs(t, d.Remove(t.Context(), name), fs.ErrInvalid, name)
		}
		got, err := d.List(t.Context(), ".")
		require.NoError(t, err)
		require.Equal(t, []fsys.Entry{{Name: "in", Size: 1}}, got)
	})
}

func appends(t *testing.T, d fsys.WritableDir) {
	w, err := d.Append(t.Context(), "new/dir/file")
	require.NoError(t, err)
	require.Zero(t, w.Size())
	_, err = io.WriteString(w, "one")
	require.NoError(t, err)
	require.EqualValues(t, 3, w.Size())
	require.NoError(t, w.Sync())
	require.NoError(t, w.Close())

	w, err = d.Append(t.Context(), "new/dir/file")
	require.NoError(t, err)
	require.EqualValues(t, 3, w.Size(), "what is there counts")
	synced := make(chan error)
	go func() { synced <- w.Sync() }() // beside a Write
	_, err = io.WriteString(w, "two")
	require.NoError(t, err)
	require.NoError(t, <-synced)
	require.NoError(t, w.Close())

	f, err := d.Open(t.Context(), "new/dir/file")
	require.NoError(t, err)
	require.Equal(t, "onetwo", readAll(t, f))
	_, err = d.Append(t.Context(), "new/dir/file/below")
	require.Error(t, err, "a file is no directory")
	_, err = d.Append(t.Context(), "new/dir")
	require.Error(t, err, "a directory is no file")
}

func renames(t *testing.T, d fsys.WritableDir) {
	Write(t, d, "old", "new content")
	Write(t, d, "there/already", "old content")
	require.NoError(t, d.Rename(t.Context(), "old", "there/already"))
	f, err := d.Open(t.Context(), "there/already")
	require.NoError(t, err)
	require.Equal(t, "new content", readAll(t, f))
	_, err = d.Open(t.Context(), "old")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, d.Rename(t.Context(), "old", "elsewhere"), fs.ErrNotExist)
}

// WritableHost checks a host that makes things in the directory prefix, which is empty and ends with the platform's separator
// or is "". h reads what it made.
func WritableHost(t *testing.T, w fsys.WritableHost, h fsys.Host, prefix string) {
	ctx := t.Context()
	d, err := w.CreateDir(ctx, prefix+"made")
	require.NoError(t, err)
	Write(t, d, "deep/file", "one")
	require.NoError(t, d.Close())
	d, err = w.CreateDir(ctx, prefix+"made")
	require.NoError(t, err, "what is there is opened")
	f, err := d.Open(ctx, "deep/file")
	require.NoError(t, err)
	require.Equal(t, "one", readAll(t, f))
	require.NoError(t, d.Close())
	_, err = w.CreateDir(ctx, prefix+"made/deep/file")
	require.ErrorIs(t, err, fs.ErrInvalid, "a file is not a directory")

	for range 2 { // the second replaces the first
		d, name, err := w.Place(ctx, prefix+"made/new")
		require.NoError(t, err)
		require.Equal(t, "new", name)
		p, err := fsys.NewPending(ctx, d, "temporary", name)
		require.NoError(t, err)
		_, err = io.WriteString(p, "two")
		require.NoError(t, err)
		require.NoError(t, p.Commit(ctx))
		require.NoError(t, p.Close())
		require.NoError(t, d.Close())
	}
	f, err = h.OpenFile(ctx, prefix+"made/new")
	require.NoError(t, err)
	require.Equal(t, "two", readAll(t, f))
	_, _, err = w.Place(ctx, prefix+"made/deep")
	require.ErrorIs(t, err, fs.ErrInvalid, "a directory is not a file")
	_, _, err = w.Place(ctx, prefix+"made/new/below")
	require.Error(t, err, "a file has nothing below it")

	d, name, err := w.Place(ctx, prefix+"made/never")
	require.NoError(t, err)
	p, err := fsys.NewPending(ctx, d, "temporary", name)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	got, err := d.List(ctx, ".")
	require.NoError(t, err)
	require.Equal(t, []fsys.Entry{{Name: "deep", Dir: true}, {Name: "new", Size: 3}}, got, "what was not committed is gone")
	require.NoError(t, d.Close())
}

// Locker checks a directory that is locked, which open opens anew each time, as other processes would.
func Locker(t *testing.T, open func(t *testing.T) fsys.WritableDir) {
	ctx := t.Context()
	a, b := open(t), open(t)
	unlock, ok, err := fsys.TryLock(ctx, a, "deep/lock")
	require.NoError(t, err)
	require.True(t, ok)
	for _, d := range []fsys.WritableDir{a, b} {
		_, ok, err = fsys.TryLock(ctx, d, "deep/lock")
		require.NoError(t, err)
		require.False(t, ok, "it is taken")
	}
	other, ok, err := fsys.TryLock(ctx, b, "deep/other")
	require.NoError(t, err)
	require.True(t, ok, "one lock leaves the others alone")
	require.NoError(t, other())
	require.NoError(t, unlock())
	_, err = a.Open(ctx, "deep/lock")
	require.ErrorIs(t, err, fs.ErrNotExist, "nothing is left of it")
	for _, name := range outside {
		_, _, err := fsys.TryLock(ctx, a, name)
		require.ErrorIs(t, err, fs.ErrInvalid, name)
	}

	var wg sync.WaitGroup
	var inside, total atomic.Int32 // the race detector knows nothing of locks on files
	for range 8 {
		wg.Go(func() {
			for range 50 {
				unlock, err := fsys.Lock(ctx, open(t), "deep/lock", eager{})
				if err != nil {
					t.Errorf("lock: %v", err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d have the lock", n)
				}
				total.Add(1)
				inside.Add(-1)
				if err := unlock(); err != nil {
					t.Errorf("unlock: %v", err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 8*50, total.Load())
}

// eager is a clock that waits no longer than it must.
type eager struct{ clock.System }

func (eager) Sleep(ctx context.Context, _ time.Duration) error {
	runtime.Gosched()
	return ctx.Err()
}
