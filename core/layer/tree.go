package layer

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Inode is what one or more names of the merged view stand for. Its content is entry Index of layer Layer.
type Inode struct {
	Type     Type
	Mode     uint16
	UID, GID int
	Size     int64
	sec      int64
	nsec     int32
	names    int32
	Link     string
	Xattrs   []string
	Dev      *[2]int64 // major and minor of a device
	Layer    int32
	Index    int32 // -1 for a directory that no layer has an entry for
}

// MTime is the modification time.
func (i *Inode) MTime() time.Time { return time.Unix(i.sec, int64(i.nsec)).UTC() }

// node is one name. Children are in no order until they are walked; a map finds them in a large directory.
type node struct {
	name  string
	ino   *Inode
	kids  []*node
	index map[string]*node
	layer int32 // the layer that gave this name last
}

// indexFrom is how many children make a map worth its memory.
const indexFrom = 32

func (n *node) child(name string) *node {
	if n.index != nil {
		return n.index[name]
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (n *node) add(k *node) {
	n.kids = append(n.kids, k)
	switch {
	case n.index != nil:
		n.index[k.name] = k
	case len(n.kids) > indexFrom:
		n.index = make(map[string]*node, 2*len(n.kids))
		for _, k := range n.kids {
			n.index[k.name] = k
		}
	}
}

func (n *node) remove(name string) {
	if i := slices.IndexFunc(n.kids, func(k *node) bool { return k.name == name }); i >= 0 {
		n.kids = slices.Delete(n.kids, i, i+1)
		delete(n.index, name)
	}
}

func (n *node) clear() { n.kids, n.index = nil, nil }

func (n *node) sorted() []*node {
	slices.SortFunc(n.kids, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	return n.kids
}

// split cuts a path into its first component and the rest.
func split(p string) (first, rest string) {
	first, rest, _ = strings.Cut(p, "/")
	return first, rest
}
