package layer

import "errors"

// Name is one path of the merged view.
type Name struct {
	Path  string // absolute; "/" for the root
	Inode *Inode
	Layer int // the layer that gave it this name or its last attributes, counted from 0
	// First is the first path of the same inode in this order, for a hard link; "" on that one itself.
	First string
}

// Walk yields every name, a directory before what is in it, siblings by the bytes of their names. The root comes first
// where a layer has an entry for it. It stops when yield returns false. pace is called for every name and as often as names
// are compared, and may yield; its error ends the walk.
func (v *View) Walk(pace func() error, yield func(Name) bool) error {
	if v.root.ino.Index >= 0 && !yield(Name{Path: "/", Inode: v.root.ino, Layer: int(v.root.layer)}) {
		return nil
	}
	w := walk{pace, map[*Inode]string{}, yield}
	if err := w.below(v.root, ""); err != nil && err != errEnough {
		return err
	}
	return nil
}

type walk struct {
	pace  func() error
	first map[*Inode]string // the first path of inodes with several
	yield func(Name) bool
}

var errEnough = errors.New("enough")

func (w walk) below(n *node, prefix string) error {
	kids, err := n.sorted(w.pace)
	if err != nil {
		return err
	}
	for _, k := range kids {
		if err := w.pace(); err != nil {
			return err
		}
		name := Name{Path: prefix + "/" + k.name, Inode: k.ino, Layer: int(k.layer)}
		if k.ino.names > 1 {
			if f, ok := w.first[k.ino]; ok {
				name.First = f
			} else {
				w.first[k.ino] = name.Path
			}
		}
		if !w.yield(name) {
			return errEnough
		}
		if err := w.below(k, name.Path); err != nil {
			return err
		}
	}
	return nil
}
