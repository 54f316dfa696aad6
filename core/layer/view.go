package layer

import (
	"cmp"
	"path"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// maxLinks is how many symbolic links one path may pass, as Linux has it.
const maxLinks = 40

// View is the merged file system of a stack of layers. Layers are applied from the bottom up; within one, whiteouts act
// on what is below it only, wherever they stand in the archive. It is not safe for concurrent use.
type View struct {
	root    *node
	layers  int32
	pending []Entry // of the layer being applied: everything but whiteouts
	hides   []Entry // its whiteouts
}

// NewView returns an empty file system.
func NewView() *View { return &View{root: &node{ino: implicit(-1), layer: -1}} }

// implicit is a directory that has no entry of its own: 0755, owned by root.
func implicit(layer int32) *Inode { return &Inode{Type: Dir, Mode: 0o755, Layer: layer, Index: -1} }

// Add takes the next entry of the current layer.
func (v *View) Add(e Entry) {
	switch {
	case e.Type == Whiteout || e.Type == Opaque:
		if v.layers > 0 { // there is nothing to hide below the lowest layer
			v.hides = append(v.hides, e)
		}
	case v.layers > 0 || !v.put(e): // the lowest layer needs no waiting, but for links to what comes later
		v.pending = append(v.pending, e)
	}
}

// EndLayer applies the current layer: first what it hides, then what it brings, then links to entries that came later.
// It returns the hard links whose target does not exist.
func (v *View) EndLayer() []Entry {
	for _, e := range v.hides {
		v.hide(e)
	}
	var links []Entry
	for _, e := range v.pending {
		if !v.put(e) {
			links = append(links, e)
		}
	}
	var dangling []Entry
	for _, e := range links {
		if !v.put(e) {
			v.set(e.Path, v.inode(e))
			dangling = append(dangling, e)
		}
	}
	v.pending, v.hides = nil, nil
	v.layers++
	return dangling
}

// hide removes what a whiteout names, or for an opaque one everything in the directory. A directory that this same layer
// puts in the place of a symbolic link is new: whiteouts in it hide nothing.
func (v *View) hide(e Entry) {
	dir, base := path.Split(e.Path)
	if e.Type == Opaque {
		dir, base = e.Path, ""
	}
	stack, err := v.resolve(dir, rule{follow: func(link string) bool { return !v.replaces(link) }})
	if err != nil {
		return // there is no such directory below
	}
	n := stack[len(stack)-1]
	if base == "" {
		n.clear()
		return
	}
	n.remove(base)
}

// replaces says whether the current layer has an entry at path itself.
func (v *View) replaces(p string) bool {
	for _, e := range v.pending {
		if e.Path == p {
			return true
		}
	}
	return false
}

// put sets one entry; false is for a hard link whose target is not there.
func (v *View) put(e Entry) bool {
	if e.Type != Hardlink {
		v.set(e.Path, v.inode(e))
		return true
	}
	dir, base := path.Split(e.Link)
	stack, err := v.resolve(dir, rule{})
	if err != nil || base == "" {
		return false
	}
	target := stack[len(stack)-1].child(base)
	if target == nil || target.ino.Type == Dir {
		return false
	}
	target.ino.names++
	v.set(e.Path, target.ino)
	return true
}

// set gives a name to an inode. Only a directory over a directory keeps what is in it.
func (v *View) set(p string, ino *Inode) {
	if p == "" {
		if ino.Type == Dir {
			v.root.ino, v.root.layer = ino, v.layers
		}
		return
	}
	dir, base := path.Split(p)
	parent := v.makeDirs(dir)
	k := parent.child(base)
	switch {
	case k == nil:
		parent.add(&node{name: strings.Clone(base), ino: ino, layer: v.layers})
		return
	case ino.Type != Dir || k.ino.Type != Dir:
		k.clear()
	}
	if k.ino != ino {
		k.ino.names--
	}
	k.ino, k.layer = ino, v.layers
}

func (v *View) inode(e Entry) *Inode {
	i := &Inode{
		Type: e.Type, Mode: e.Mode, UID: e.UID, GID: e.GID, Size: e.Size, sec: e.MTime.Unix(), nsec: int32(e.MTime.Nanosecond()),
		names: 1, Link: e.Link, Xattrs: e.Xattrs, Layer: v.layers, Index: int32(e.Index),
	}
	if e.Type == Char || e.Type == Block {
		i.Dev = &[2]int64{e.DevMajor, e.DevMinor}
	}
	return i
}

// makeDirs finds a directory, following symbolic links inside the root, and makes what is missing, as extracting tools
// do when a layer has a file but not its directory. What is no directory gives way.
func (v *View) makeDirs(dir string) *node {
	stack, _ := v.resolve(dir, rule{make: func(parent *node, name string, k *node) *node {
		ino := implicit(v.layers)
		if k == nil {
			k = &node{name: strings.Clone(name), ino: ino, layer: v.layers}
			parent.add(k)
			return k
		}
		k.ino.names--
		k.ino, k.layer = ino, v.layers
		k.clear()
		return k
	}})
	return stack[len(stack)-1]
}

// rule says what resolve does on its way.
type rule struct {
	// make returns a directory in the place of a component that is missing (k is nil) or no directory; without it those
	// end the way.
	make func(parent *node, name string, k *node) *node
	// follow says whether the symbolic link at that path is followed; without it all are.
	follow func(link string) bool
}

// resolve walks from the root along p, following symbolic links inside the root: ".." above it stays in it, an absolute
// link starts at it. It returns the nodes on the way, the root first. Kinds: not_found, input (a link loop).
func (v *View) resolve(p string, r rule) ([]*node, error) {
	stack, links := []*node{v.root}, 0
	for rest := strings.Trim(p, "/"); rest != ""; {
		var first string
		first, rest = split(rest)
		top := stack[len(stack)-1]
		if first == "" || first == "." {
			continue
		}
		if first == ".." {
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		k := top.child(first)
		if k != nil && k.ino.Type == Symlink && (links < maxLinks || r.make == nil) {
			if links++; links > maxLinks {
				return nil, errs.New(errs.Input, p, "passes more than %d symbolic links", maxLinks)
			}
			if r.follow != nil && !r.follow(strings.TrimPrefix(pathOf(stack)+"/"+first, "/")) {
				return nil, errs.New(errs.NotFound, p, "the link is not followed")
			}
			if strings.HasPrefix(k.ino.Link, "/") {
				stack = stack[:1]
			}
			rest = strings.Trim(k.ino.Link+"/"+rest, "/")
			continue
		}
		if r.make != nil && (k == nil || k.ino.Type != Dir) {
			k = r.make(top, first, k)
		}
		switch {
		case k == nil && top.ino.Type != Dir:
			return nil, errs.New(errs.NotFound, p, "%s is a %s in the image, not a directory", pathOf(stack), top.ino.Type)
		case k == nil:
			return nil, errs.New(errs.NotFound, p, "no such file in the image (%s/%s)", pathOf(stack), first)
		}
		stack = append(stack, k)
	}
	return stack, nil
}

// pathOf is the absolute path of the last node, "" for the root.
func pathOf(stack []*node) string {
	var b strings.Builder
	for _, n := range stack[1:] {
		b.WriteString("/" + n.name)
	}
	return b.String()
}

// Lookup resolves a path of the image, following symbolic links inside it. It returns the inode and the path it was found
// at. Kinds: not_found, input (a link loop).
func (v *View) Lookup(p string) (*Inode, string, error) {
	stack, err := v.resolve(p, rule{})
	if err != nil {
		return nil, "", err
	}
	return stack[len(stack)-1].ino, cmp.Or(pathOf(stack), "/"), nil
}

// Name is one path of the merged view.
type Name struct {
	Path  string // absolute; "/" for the root
	Inode *Inode
	Layer int // the layer that gave it this name or its last attributes
	// First is the first path of the same inode in this order, for a hard link; "" on that one itself.
	First string
}

// Walk yields every name, a directory before what is in it, siblings by the bytes of their names. The root comes first
// where a layer has an entry for it. It stops when yield returns false.
func (v *View) Walk(yield func(Name) bool) {
	if v.root.ino.Index >= 0 && !yield(Name{Path: "/", Inode: v.root.ino, Layer: int(v.root.layer)}) {
		return
	}
	v.walkNames(v.root, "", map[*Inode]string{}, yield)
}

func (v *View) walkNames(n *node, prefix string, first map[*Inode]string, yield func(Name) bool) bool {
	for _, k := range n.sorted() {
		name := Name{Path: prefix + "/" + k.name, Inode: k.ino, Layer: int(k.layer)}
		if k.ino.names > 1 {
			if f, ok := first[k.ino]; ok {
				name.First = f
			} else {
				first[k.ino] = name.Path
			}
		}
		if !yield(name) || !v.walkNames(k, name.Path, first, yield) {
			return false
		}
	}
	return true
}
