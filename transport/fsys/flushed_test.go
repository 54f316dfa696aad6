package fsys_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// slowDisk is a file whose syncs end when the test says so.
type slowDisk struct {
	bytes.Buffer
	begun chan int // size of the file when a sync began, where the test listens
	end   chan error
}

func (d *slowDisk) Size() int64 { return int64(d.Len()) }
func (d *slowDisk) Sync() error { d.begun <- d.Len(); return <-d.end }
func (d *slowDisk) Close() error {
	return nil
}

const piece = 16 << 20

func TestFlushed(t *testing.T) {
	d := &slowDisk{begun: make(chan int, 9), end: make(chan error, 9)}
	w := fsys.Flushed(d)
	write := func(n int) {
		t.Helper()
		_, err := w.Write(make([]byte, n))
		require.NoError(t, err)
	}
	write(piece - 1)
	require.Empty(t, d.begun, "a little less is left to the end")
	write(1)
	require.Equal(t, piece, <-d.begun, "a sync begins while the file grows")
	write(2 * piece)
	require.Empty(t, d.begun, "one at a time")
	d.end <- nil
	d.end <- nil
	require.NoError(t, w.Sync())
	require.Equal(t, 3*piece, <-d.begun, "the last one has everything")
	require.NoError(t, w.Close())
}

func TestFlushedKeepsTheErrorThatTheSystemTellsOnce(t *testing.T) {
	d := &slowDisk{begun: make(chan int, 9), end: make(chan error, 9)}
	w := fsys.Flushed(d)
	_, err := w.Write(make([]byte, piece))
	require.NoError(t, err)
	full := errors.New("no space left on device")
	d.end <- full
	d.end <- nil
	require.ErrorIs(t, w.Sync(), full)
	require.NoError(t, w.Close())
}
