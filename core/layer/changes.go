package layer

import "strings"

// Count is a number of names that are no directories, and the bytes of their content. One more name of the same file, a
// hard link, has no bytes.
type Count struct {
	Files int
	Bytes int64
}

func (c *Count) add(bytes int64) {
	c.Files++
	c.Bytes += bytes
}

// Changes is what one layer does to those below it. Added, Changed and Hidden have no name in common.
type Changes struct {
	Added    Count // names that were not there
	Changed  Count // names that were there, with their new content
	Replaced int64 // bytes that those had below, and that can no longer be seen
	Hidden   Count // names that are there no longer; bytes are of content whose last name went
}

// Changes is what the layer that ended last did.
func (v *View) Changes() Changes { return v.ended }

// weigh notes a name that the current layer sets at p: over k, which is nil for a new one.
func (v *View) weigh(p string, k *node, ino *Inode, bytes int64) {
	over := k != nil && k.ino.Type != Dir
	switch {
	case k != nil && !over && ino.Type != Dir:
		v.gone(p, k.kids)
		v.now.Added.add(bytes)
	case ino.Type == Dir && over:
		v.now.Hidden.add(k.ino.release())
	case ino.Type == Dir:
	case over && k.layer == v.layers: // a second entry of the same name in one layer
		v.now.Added.Bytes += bytes - k.ino.release()
	case over:
		v.now.Changed.add(bytes)
		v.now.Replaced += k.ino.release()
	default:
		if was, ok := v.back[p]; ok { // it was hidden, by an opaque directory mostly, and comes back
			v.now.Changed.add(bytes)
			v.now.Replaced += was
			delete(v.back, p)
			return
		}
		v.now.Added.add(bytes)
	}
}

// gone notes that everything in the directory p is hidden. What the current layer sets again is changed, not hidden.
func (v *View) gone(p string, kids *children) {
	if kids == nil {
		return
	}
	for _, k := range kids.list {
		if k.ino != nil {
			v.goneName(strings.TrimPrefix(p+"/"+k.name, "/"), k)
		}
	}
}

func (v *View) goneName(p string, k *node) {
	if k.ino.Type == Dir {
		v.gone(p, k.kids)
		return
	}
	bytes := k.ino.release()
	if !v.replaces(p) {
		v.now.Hidden.add(bytes)
		return
	}
	if v.back == nil {
		v.back = map[string]int64{}
	}
	v.back[p] = bytes
}

// release takes one name from an inode. It returns the bytes that go with the last one.
func (i *Inode) release() int64 {
	if i.names--; i.names > 0 {
		return 0
	}
	return i.Size
}
