package layer

import (
	"slices"
	"strings"
	"time"
)

// Inode is what one or more names of the merged view stand for. Its content is entry Index of layer Layer.
type Inode struct {
	Size     int64  // bytes of content
	Link     string // text of a symbolic link; target of a hard link that leads nowhere
	UID, GID int
	Layer    int32 // counted from 0
	Index    int32 // -1 for a directory that no layer has an entry for
	Mode     uint16
	Type     Type
	nsec     int32
	names    int32 // how many names it has
	sec      int64
	more     *more // nil for most
}

// more is what few inodes have.
type more struct {
	xattrs       []string
	major, minor int64
}

func newInode(e Entry, layer int32) *Inode {
	i := &Inode{
		Type: e.Type, Mode: e.Mode, UID: e.UID, GID: e.GID, Size: e.Size, sec: e.MTime.Unix(), nsec: int32(e.MTime.Nanosecond()),
		names: 1, Link: strings.Clone(e.Link), Layer: layer, Index: int32(e.Index),
	}
	if len(e.Xattrs) > 0 || e.Type == Char || e.Type == Block {
		i.more = &more{major: e.DevMajor, minor: e.DevMinor}
		for _, x := range e.Xattrs { // cloned: a name is cut from a record that also holds its value
			i.more.xattrs = append(i.more.xattrs, strings.Clone(x))
		}
	}
	return i
}

// size is in bytes, about, without the fixed part.
func (i *Inode) size() int64 {
	n := len(i.Link)
	for _, x := range i.Xattrs() {
		n += len(x)
	}
	return int64(n)
}

// implicit is a directory that has no entry of its own: 0755, owned by root, of time zero.
func implicit(layer int32) *Inode { return &Inode{Type: Dir, Mode: 0o755, Layer: layer, Index: -1} }

// MTime is the modification time, in UTC.
func (i *Inode) MTime() time.Time { return time.Unix(i.sec, int64(i.nsec)).UTC() }

// Xattrs are the names of its extended attributes, sorted; nil for none.
func (i *Inode) Xattrs() []string {
	if i.more == nil {
		return nil
	}
	return i.more.xattrs
}

// Device is the major and minor number of a device.
func (i *Inode) Device() (major, minor int64) {
	if i.more == nil {
		return 0, 0
	}
	return i.more.major, i.more.minor
}

// node is one name.
type node struct {
	name  string
	ino   *Inode
	kids  *children // nil for none
	layer int32     // the layer that gave this name last
}

// children are in no order until they are walked; a map finds them in a large directory.
type children struct {
	list  []*node // a removed one has no ino
	index map[string]*node
	dead  int
}

// indexFrom is how many children make a map worth its memory, some 40 bytes for each.
const indexFrom = 128

func (n *node) child(name string) *node {
	switch {
	case n.kids == nil:
		return nil
	case n.kids.index != nil:
		return n.kids.index[name]
	}
	for _, k := range n.kids.list {
		if k.name == name && k.ino != nil {
			return k
		}
	}
	return nil
}

func (n *node) add(k *node) {
	if n.kids == nil {
		n.kids = &children{}
	}
	c := n.kids
	c.list = append(c.list, k)
	switch {
	case c.index != nil:
		c.index[k.name] = k
	case len(c.list) > indexFrom:
		c.index = make(map[string]*node, len(c.list))
		for _, k := range c.list {
			if k.ino != nil {
				c.index[k.name] = k
			}
		}
	}
}

// size is in bytes, about.
func (n *node) size() int64 { return nodeSize + int64(len(n.name)) }

// below is the size of all that is below n.
func (n *node) below() int64 {
	if n.kids == nil {
		return 0
	}
	var sum int64
	for _, k := range n.kids.list {
		if k.ino != nil {
			sum += k.size() + k.below()
		}
	}
	return sum
}

// remove takes the name away, with all that is below it. The list is only swept once half of it is gone: whiteouts may
// empty a large directory one by one.
func (n *node) remove(name string) {
	k := n.child(name)
	if k == nil {
		return
	}
	k.ino, k.kids = nil, nil
	c := n.kids
	delete(c.index, name)
	if c.dead++; 2*c.dead > len(c.list) {
		c.sweep()
	}
}

func (c *children) sweep() {
	c.list = slices.DeleteFunc(c.list, func(k *node) bool { return k.ino == nil })
	c.dead = 0
}

// sorted returns the children by the bytes of their names. A hundred thousand take a while to sort, so pace is called for
// each comparison; its error ends that.
func (n *node) sorted(pace func() error) ([]*node, error) {
	if n.kids == nil {
		return nil, nil
	}
	n.kids.sweep()
	var err error
	slices.SortFunc(n.kids.list, func(a, b *node) int {
		if err == nil {
			err = pace()
		}
		if err != nil {
			return 0
		}
		return strings.Compare(a.name, b.name)
	})
	return n.kids.list, err
}
