package memfs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/fsys/fsystest"
	"github.com/stevedore-oci/stevedore/transport/fsys/memfs"
)

func TestSuites(t *testing.T) {
	files := map[string][]byte{}
	for name, s := range fsystest.Files() {
		files["in/"+name] = []byte(s)
	}
	m := memfs.From(files)
	t.Run("host", func(t *testing.T) { fsystest.Host(t, m, "./in/") })
	t.Run("dir", func(t *testing.T) {
		d, err := m.OpenDir(t.Context(), "in")
		require.NoError(t, err)
		fsystest.Dir(t, d)
	})
	t.Run("writable", func(t *testing.T) {
		fsystest.WritableDir(t, func(*testing.T) fsys.WritableDir { return memfs.New() })
	})
	t.Run("writable host", func(t *testing.T) {
		m := memfs.New()
		fsystest.WritableHost(t, m, m, "./out/")
	})
	t.Run("locker", func(t *testing.T) {
		m := memfs.New()
		fsystest.Locker(t, func(t *testing.T) fsys.WritableDir {
			d, err := m.CreateDir(context.Background(), "l")
			require.NoError(t, err)
			return d
		})
	})
}

func TestYielding(t *testing.T) {
	turns := 0
	yield := func() { turns++ }
	d := fsys.YieldingDir(memfs.New(), yield)
	fsystest.Fill(t, d)
	require.GreaterOrEqual(t, turns, 200<<10/(64<<10), "writing 200 KiB yields")
	turns = 0
	big, err := d.Open(t.Context(), "deep/down/c.bin")
	require.NoError(t, err)
	n, err := big.ReadAt(make([]byte, 200<<10), 0)
	require.NoError(t, err)
	require.Equal(t, 200<<10, n)
	require.Equal(t, 4, turns, "one large read is cut at 64 KiB")
	fsystest.WritableDir(t, func(*testing.T) fsys.WritableDir { return fsys.YieldingDir(memfs.New(), func() {}) })
	fsystest.Host(t, fsys.YieldingHost(memfs.From(bytesOf(fsystest.Files())), func() {}), "")
	m := memfs.New()
	fsystest.WritableHost(t, fsys.YieldingWritableHost(m, func() {}), m, "")
	fsystest.Locker(t, func(*testing.T) fsys.WritableDir { return fsys.YieldingDir(m, func() {}) })
}

func bytesOf(in map[string]string) map[string][]byte {
	out := map[string][]byte{}
	for name, s := range in {
		out[name] = []byte(s)
	}
	return out
}
