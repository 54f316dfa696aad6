package layer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

// FuzzTar: whatever the bytes, reading ends with EOF or an error that has a kind, and every path stays in the root.
func FuzzTar(f *testing.F) {
	files, _ := filepath.Glob(fixtures + "/*.tar")
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) < 64<<10 {
			f.Add(b)
		}
	}
	f.Add([]byte(pack(f, "a/ a/x=1 b>a c<b d%c a/.wh.x= .wh..wh..opq=")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := layer.Open(context.Background(), blob(b), layer.Options{})
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.Of(err))
			return
		}
		defer r.Close()
		v := layer.NewView()
		for {
			e, err := r.Next()
			if err != nil {
				require.True(t, err == io.EOF || errs.Of(err) != errs.Internal, "%v", err)
				break
			}
			require.Equal(t, path.Clean("/"+e.Path), "/"+e.Path)
			require.GreaterOrEqual(t, e.Size, int64(0))
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			if v.Add(e) != nil {
				return
			}
		}
		if _, err := v.EndLayer(keepOn); err != nil {
			return
		}
		seen := map[string]bool{}
		_ = v.Walk(func() error { return nil }, func(n layer.Name) bool {
			require.False(t, seen[n.Path], n.Path)
			require.True(t, n.Path == "/" || path.Dir(n.Path) == "/" || seen[path.Dir(n.Path)], n.Path)
			seen[n.Path] = true
			return true
		})
	})
}

// FuzzMerge holds the view against a model that keeps one flat map of paths and looks at all of it every time.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\xff\x04\x05\x06\x07\xff\x08\x09\x0a"))
	f.Add([]byte("d\x01l>\x02\xff.wh\x03"))
	f.Fuzz(func(t *testing.T, program []byte) {
		layers := script(program)
		v, m := layer.NewView(), newModel()
		for _, entries := range layers {
			var err error
			for _, e := range entries {
				if err = v.Add(e); err != nil {
					break
				}
			}
			if err == nil {
				_, err = v.EndLayer(keepOn)
			}
			if want := m.apply(entries); want != nil {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
		}
		require.Equal(t, m.String(), flat(v), "%v", layers)
	})
}

// script turns bytes into layers whose few names collide often; 0xff ends a layer.
func script(program []byte) (layers [][]layer.Entry) {
	names := []string{"a", "b", "c", "a/a", "a/b", "b/a", "b/c", "c/b", "a/b/c", "b/a/a", "c/a/b", ""}
	links := []string{"a", "b", "/c", "..", "../b", "a/b", "/a/b", ".", "../../c/a", "b/a/"}
	types := []layer.Type{layer.File, layer.File, layer.Dir, layer.Dir, layer.Symlink, layer.Symlink, layer.Hardlink, layer.Hardlink, layer.Whiteout, layer.Whiteout, layer.Opaque, layer.FIFO}
	layers = [][]layer.Entry{nil}
	for i := 0; i+2 < len(program) && i < 200; {
		if program[i] == 0xff {
			layers = append(layers, nil)
			i++
			continue
		}
		last := &layers[len(layers)-1]
		e := layer.Entry{Type: types[int(program[i])%len(types)], Path: names[int(program[i+1])%len(names)], Index: len(*last)}
		switch e.Type {
		case layer.Symlink:
			e.Link = links[int(program[i+2])%len(links)]
		case layer.Hardlink:
			e.Link = names[int(program[i+2])%len(names)]
		}
		if e.Path == "" && e.Type == layer.Whiteout {
			e.Type = layer.Opaque
		}
		*last = append(*last, e)
		i += 3
	}
	return layers
}

// flat shows types, links, which names share an inode, and where each comes from.
func flat(v *layer.View) string {
	var b strings.Builder
	ids := map[*layer.Inode]string{}
	_ = v.Walk(func() error { return nil }, func(n layer.Name) bool {
		first, ok := ids[n.Inode]
		if !ok {
			first = n.Path
			ids[n.Inode] = first
		}
		fmt.Fprintf(&b, "%s %s %s %s %d.%d %d\n", n.Path, n.Inode.Type, n.Inode.Link, first, n.Inode.Layer, n.Inode.Index, n.Layer)
		if ok != (n.First != "") || ok && n.First != first {
			fmt.Fprintf(&b, "First is %q\n", n.First)
		}
		return true
	})
	return b.String()
}

type file struct {
	layer.Entry
	from int
}

type name struct {
	*file
	layer int
}

type model struct {
	names map[string]name
	layer int
}

func newModel() *model {
	return &model{names: map[string]name{"/": {&file{layer.Entry{Type: layer.Dir, Index: -1}, -1}, -1}}}
}

var errGone, errLoop = errors.New("gone"), errors.New("loop")

// find is the real path of p, all links followed; a missing component is made, or is errGone.
func (m *model) find(p string, mk bool, stop func(string) bool) (string, error) {
	at, parts, links := "/", strings.Split(p, "/"), 0
	for len(parts) > 0 {
		c := parts[0]
		parts = parts[1:]
		if c == "" {
			continue
		}
		if !mk && m.names[at].Type != layer.Dir {
			return "", errGone
		}
		next := path.Join(at, c)
		n, ok := m.names[next]
		switch {
		case c == "." || c == "..":
		case ok && n.Type == layer.Symlink:
			if links++; links > maxLinks {
				return "", errLoop
			}
			if stop != nil && stop(next) {
				return "", errGone
			}
			if strings.HasPrefix(n.Link, "/") {
				at = "/"
			}
			parts = append(strings.Split(n.Link, "/"), parts...)
			continue
		case mk && (!ok || n.Type != layer.Dir):
			m.drop(next)
			m.names[next] = name{&file{layer.Entry{Type: layer.Dir, Index: -1}, m.layer}, m.layer}
		case !ok:
			return "", errGone
		}
		at = next
	}
	return at, nil
}

func (m *model) drop(p string) {
	for k := range m.names {
		if k != "/" && (p == "/" || k == p || strings.HasPrefix(k, p+"/")) {
			delete(m.names, k)
		}
	}
}

func (m *model) apply(entries []layer.Entry) error {
	mine := func(p string) bool {
		return slices.ContainsFunc(entries, func(e layer.Entry) bool {
			return "/"+e.Path == p && e.Type != layer.Whiteout && e.Type != layer.Opaque
		})
	}
	for _, e := range entries {
		if m.layer == 0 {
			break
		}
		switch e.Type {
		case layer.Whiteout:
			if dir, err := m.find(path.Dir(e.Path), false, mine); err == nil {
				m.drop(path.Join(dir, path.Base(e.Path)))
			}
		case layer.Opaque:
			if dir, err := m.find(e.Path, false, mine); err == nil {
				keep := m.names[dir]
				m.drop(dir)
				m.names[dir] = keep
			}
		}
	}
	var late []*file
	for _, e := range entries {
		if e.Type == layer.Whiteout || e.Type == layer.Opaque {
			continue
		}
		ino := &file{e, m.layer}
		if e.Type == layer.Hardlink {
			if t := m.target(e.Link); t != nil {
				ino = t
			} else {
				late = append(late, ino)
			}
		}
		if err := m.set(e.Path, ino); err != nil {
			return err
		}
	}
	for _, l := range slices.Backward(late) {
		for p, n := range m.names {
			if t := m.target(l.Link); n.file == l && t != nil {
				m.names[p] = name{t, n.layer}
			}
		}
	}
	m.layer++
	return nil
}

func (m *model) target(link string) *file {
	dir, err := m.find(path.Dir("/"+link), false, nil)
	if err != nil || link == "" {
		return nil
	}
	n, ok := m.names[path.Join(dir, path.Base(link))]
	if !ok || n.Type == layer.Dir || n.Type == layer.Hardlink {
		return nil
	}
	return n.file
}

func (m *model) set(p string, ino *file) error {
	if p == "" {
		if ino.Type == layer.Dir {
			m.names["/"] = name{ino, m.layer}
		}
		return nil
	}
	dir, err := m.find(path.Dir("/"+p), true, nil)
	if err != nil {
		return err
	}
	at := path.Join(dir, path.Base(p))
	if old, ok := m.names[at]; ok && (old.Type != layer.Dir || ino.Type != layer.Dir) {
		m.drop(at)
	}
	m.names[at] = name{ino, m.layer}
	return nil
}

func (m *model) String() string {
	var paths []string
	for p, n := range m.names {
		if p != "/" || n.Index >= 0 {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
	var b strings.Builder
	first := map[*file]string{}
	for _, p := range paths {
		n := m.names[p]
		if _, ok := first[n.file]; !ok {
			first[n.file] = p
		}
		fmt.Fprintf(&b, "%s %s %s %s %d.%d %d\n", p, n.Type, n.Link, first[n.file], n.from, n.Index, n.layer)
	}
	return b.String()
}
