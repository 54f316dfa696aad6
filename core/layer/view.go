package layer

import (
	"path"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Limits that keep a hostile image from filling memory or taking for ever.
const (
	// maxTree is how much a view may hold, in bytes: about five million files. A short entry can make a thousand missing
	// directories, and headers of nothing but long names compress well.
	maxTree = 1 << 30
	// maxHops is how many components of symbolic links' texts may be walked in all, since one path can pass forty links of
	// two thousand each. A file below a link costs two or three.
	maxHops = 200_000_000

	nodeSize   = 200 // bytes of a name with its inode, about
	changeSize = 200 // bytes of a change, about
)

// View is the merged file system of a stack of layers. Layers are applied from the bottom up; within one, whiteouts act
// on what is below it only, wherever they stand in the archive. It is not safe for concurrent use.
type View struct {
	root    *node
	stack   []*node // of the last resolve
	hops    int     // components of links walked so far
	held    int64   // bytes of the names, about
	waiting int64   // bytes of what waits for the end of the layer, about
	limit   int64   // of both together
	layers  int32
	pending []change // of the layer being applied: everything but whiteouts
	hides   []change // its whiteouts, with an inode for a plain one and none for an opaque one
	links   []late   // hard links of this layer whose target has not come yet
	fresh   map[string]bool

	torn bool // a layer was applied in part

	now, ended Changes          // of the layer being applied, and of the one before
	back       map[string]int64 // names that it hides and sets again, with the bytes they had
}

// change is one entry on its way into the view.
type change struct {
	path string
	ino  *Inode
}

// late is a hard link and the name it was given.
type late struct {
	change
	at *node
}

// Broken is a hard link whose target does not exist. Both are paths in the form of [Entry].
type Broken struct{ Path, Target string }

// NewView returns an empty file system.
func NewView() *View { return &View{limit: maxTree, root: &node{ino: implicit(-1), layer: -1}} }

// Add takes the next entry of the current layer. It fails with kind input for a path that symbolic links make endless or
// too long, and for a tree that is too large.
func (v *View) Add(e Entry) error {
	lowest := v.layers == 0
	hides := e.Type == Whiteout || e.Type == Opaque
	switch {
	case hides && lowest:
		return nil // there is nothing to hide below the lowest layer
	case lowest: // nothing to wait for
		v.torn = true
		return v.put(change{e.Path, newInode(e, v.layers)})
	}
	c := hide(e)
	if !hides {
		c = change{e.Path, newInode(e, v.layers)}
	}
	if v.waiting += changeSize + int64(len(e.Path)); c.ino != nil {
		v.waiting += c.ino.size()
	}
	if hides {
		v.hides = append(v.hides, c)
	} else {
		v.pending = append(v.pending, c)
	}
	return v.checkSize(e.Path)
}

func (v *View) checkSize(p string) error {
	if v.held+v.waiting > v.limit {
		return errs.New(errs.Input, "/"+p, "the image has more or longer paths than fit into %d MiB", v.limit>>20)
	}
	return nil
}

func hide(e Entry) change {
	if e.Type == Opaque {
		return change{path: e.Path}
	}
	return change{e.Path, &Inode{Type: Whiteout}}
}

// EndLayer applies the current layer: first what it hides, then what it brings, then hard links to entries that came
// later. pace is called for every entry and may yield; its error ends the work. EndLayer returns the hard links whose
// target does not exist; they stay in the view with the type Hardlink.
func (v *View) EndLayer(pace func() error) ([]Broken, error) {
	v.torn = true
	for _, c := range v.hides {
		if err := pace(); err != nil {
			return nil, err
		}
		v.hide(c)
	}
	for i, c := range v.pending {
		if err := pace(); err != nil {
			return nil, err
		}
		if err := v.put(c); err != nil {
			return nil, err
		}
		v.pending[i] = change{} // its path can go while the names are made
	}
	var broken []Broken
	for _, l := range slices.Backward(v.links) { // a link to a link that came later finds it settled
		if err := pace(); err != nil {
			return nil, err
		}
		if !v.settle(l) {
			broken = append(broken, Broken{l.path, l.ino.Link})
		}
	}
	slices.Reverse(broken)
	v.pending, v.hides, v.links, v.fresh, v.back, v.waiting = nil, nil, nil, nil, nil, 0
	v.ended, v.now = v.now, Changes{}
	v.layers++
	v.torn = false
	return broken, nil
}

// Whole says whether the view shows whole layers only: those that were applied to their end. Entries of the lowest one show
// at once, those of others at their [View.EndLayer].
func (v *View) Whole() bool { return !v.torn }

// hide removes what a whiteout names, or for an opaque one everything in the directory. A directory that this same layer
// puts in the place of a symbolic link is new: whiteouts in it hide nothing.
func (v *View) hide(c change) {
	dir, base := path.Split(c.path)
	if c.ino == nil {
		dir, base = c.path, ""
	}
	stack, err := v.resolve(dir, rule{follow: func(link string) bool { return !v.replaces(link) }})
	if err != nil {
		return // there is no such directory below
	}
	n := stack[len(stack)-1]
	at := strings.TrimPrefix(pathOf(stack), "/")
	if base == "" {
		v.gone(at, n.kids)
		v.empty(n)
		return
	}
	if k := n.child(base); k != nil {
		v.goneName(path.Join(at, base), k)
		v.empty(k)
		v.held -= k.size()
		n.remove(base)
	}
}

// replaces says whether the current layer has an entry at path itself.
func (v *View) replaces(p string) bool {
	if v.fresh == nil {
		v.fresh = make(map[string]bool, len(v.pending))
		for _, c := range v.pending {
			v.fresh[c.path] = true
		}
	}
	return v.fresh[p]
}

// put sets one entry. A hard link whose target is not there is set as it is and noted.
func (v *View) put(c change) error {
	ino, bytes := c.ino, c.ino.Size
	v.held += ino.size()
	if ino.Type == Hardlink {
		v.held += int64(len(c.path)) // Walk keeps the paths of inodes that have several
		if target := v.target(c); target != nil {
			target.names++
			ino = target
		}
	}
	k, err := v.set(c.path, ino, bytes)
	if ino.Type == Hardlink && k != nil {
		v.waiting += changeSize + int64(len(c.path))
		v.links = append(v.links, late{c, k})
	}
	return err
}

// target is the inode that a hard link names, nil if there is none to link to. The last component is not followed: a hard
// link to a symbolic link is one more name of that link.
func (v *View) target(c change) *Inode {
	dir, base := path.Split(c.ino.Link)
	stack, err := v.resolve(dir, rule{})
	if err != nil || base == "" {
		return nil
	}
	k := stack[len(stack)-1].child(base)
	if k == nil || k.ino.Type == Dir || k.ino.Type == Hardlink {
		return nil
	}
	return k.ino
}

// settle gives a hard link the target that came after it, unless something else has taken its name since; false is for
// a link that stays broken.
func (v *View) settle(l late) bool {
	if l.at.ino != l.ino {
		return true
	}
	target := v.target(l.change)
	if target == nil {
		return false
	}
	target.names++
	l.at.ino = target
	return true
}

// set gives a name to an inode, with bytes of new content, and returns the name; nil is for the root. Only a directory over a directory keeps what is
// in it.
func (v *View) set(p string, ino *Inode, bytes int64) (*node, error) {
	if p == "" {
		if ino.Type == Dir {
			v.root.ino, v.root.layer = ino, v.layers
		}
		return nil, nil
	}
	dir, base := path.Split(p)
	stack, err := v.makeDirs(dir)
	if err != nil {
		return nil, err
	}
	length := len(base)
	for _, n := range stack {
		length += len(n.name) + 1
	}
	if length > maxPath {
		return nil, errs.New(errs.Input, "/"+p, "symbolic links make the path longer than %d bytes", maxPath)
	}
	parent := stack[len(stack)-1]
	k := parent.child(base)
	v.weigh(p, k, ino, bytes)
	if k == nil {
		k = v.name(parent, base, ino)
	} else {
		if ino.Type != Dir || k.ino.Type != Dir {
			v.empty(k)
		}
		k.ino, k.layer = ino, v.layers
	}
	return k, v.checkSize(p)
}

// empty takes away all that is below n.
func (v *View) empty(n *node) {
	v.held -= n.below()
	n.kids = nil
}

// name adds a name that was not there.
func (v *View) name(parent *node, name string, ino *Inode) *node {
	k := &node{name: strings.Clone(name), ino: ino, layer: v.layers}
	parent.add(k)
	v.held += k.size()
	return k
}

// makeDirs finds a directory, following symbolic links inside the root, and makes what is missing, as extracting tools
// do when a layer has a file but not its directory. What is no directory gives way.
func (v *View) makeDirs(dir string) ([]*node, error) {
	return v.resolve(dir, rule{make: func(parent *node, name string, k *node) *node {
		if k == nil {
			return v.name(parent, name, implicit(v.layers))
		}
		v.now.Hidden.add(k.ino.release())
		v.empty(k)
		k.ino, k.layer = implicit(v.layers), v.layers
		return k
	}})
}
