package layer

// Name is one path of the merged view.
type Name struct {
	Path  string // absolute; "/" for the root
	Inode *Inode
	Layer int // the layer that gave it this name or its last attributes, counted from 0
	// First is the first path of the same inode in this order, for a hard link; "" on that one itself.
	First string
}

// Walk yields every name, a directory before what is in it, siblings by the bytes of their names. The root comes first
// where a layer has an entry for it. It stops when yield returns false.
func (v *View) Walk(yield func(Name) bool) {
	if v.root.ino.Index >= 0 && !yield(Name{Path: "/", Inode: v.root.ino, Layer: int(v.root.layer)}) {
		return
	}
	v.walk(v.root, "", map[*Inode]string{}, yield)
}

func (v *View) walk(n *node, prefix string, first map[*Inode]string, yield func(Name) bool) bool {
	for _, k := range n.sorted() {
		name := Name{Path: prefix + "/" + k.name, Inode: k.ino, Layer: int(k.layer)}
		if k.ino.names > 1 {
			if f, ok := first[k.ino]; ok {
				name.First = f
			} else {
				first[k.ino] = name.Path
			}
		}
		if !yield(name) || !v.walk(k, name.Path, first, yield) {
			return false
		}
	}
	return true
}
