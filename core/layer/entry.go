// Package layer reads file system layers: tar entries with whiteouts, and the merged view of a stack of them
// (image-spec layer.md, https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md).
package layer

import (
	"archive/tar"
	"path"
	"strings"
	"time"
)

// Type is what an entry is; the zero Type is none. It is a byte since a view holds one for every file of an image.
type Type uint8

// The types. Whiteout and Opaque occur in single layers only; Hardlink there and, in the merged view, for a link whose
// target does not exist.
const (
	File Type = iota + 1
	Dir
	Symlink
	Hardlink
	Char
	Block
	FIFO
	Whiteout
	Opaque
)

// String is the name that JSON output has.
func (t Type) String() string {
	names := [...]string{"none", "file", "dir", "symlink", "hardlink", "char", "block", "fifo", "whiteout", "opaque"}
	if int(t) < len(names) {
		return names[t]
	}
	return names[0]
}

// Entry is one entry of a layer.
type Entry struct {
	// Path is relative to the root, clean, without leading slash; "" is the root itself. A name that climbs above the root
	// stays in it. For a whiteout it is the path that is hidden, for an opaque whiteout the directory.
	Path  string
	Type  Type
	Mode  uint16 // permission, set-ID and sticky bits
	UID   int
	GID   int
	Size  int64 // bytes of content; sparse files count with their holes
	MTime time.Time
	// Link is the text of a symbolic link, or the target of a hard link in the form of Path.
	Link     string
	Xattrs   []string // names, sorted
	DevMajor int64
	DevMinor int64
	Index    int // place among the tar entries of the layer, counted from 0
}

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	metaPrefix     = ".wh..wh." // aufs' own files and folders, which are not part of the image
)

// gnuDumpDir is a directory in an incremental archive of GNU tar; its content is a list of names.
const gnuDumpDir = 'D'

// oldFile is a regular file in archives older than POSIX.
const oldFile = 0

// clean roots a name of an archive.
func clean(name string) string { return path.Clean("/" + name)[1:] }

// entryOf makes an Entry of a tar header; ok is false for what is not part of the file system.
func entryOf(h *tar.Header, index int) (e Entry, ok bool) {
	e = Entry{
		Path: clean(h.Name), Mode: uint16(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, MTime: h.ModTime, Index: index,
		Xattrs: xattrs(h),
	}
	switch h.Typeflag {
	case tar.TypeReg, oldFile, tar.TypeCont, tar.TypeGNUSparse:
		e.Type, e.Size = File, h.Size
	case tar.TypeDir, gnuDumpDir:
		e.Type = Dir
	case tar.TypeSymlink:
		e.Type, e.Link = Symlink, h.Linkname
	case tar.TypeLink:
		e.Type, e.Link = Hardlink, clean(h.Linkname)
	case tar.TypeChar:
		e.Type, e.DevMajor, e.DevMinor = Char, h.Devmajor, h.Devminor
	case tar.TypeBlock:
		e.Type, e.DevMajor, e.DevMinor = Block, h.Devmajor, h.Devminor
	case tar.TypeFifo:
		e.Type = FIFO
	default: // global PAX headers, volume labels and vendor types
		return e, false
	}
	return whiteout(e)
}

func whiteout(e Entry) (Entry, bool) {
	dir, base := path.Split(e.Path)
	if strings.HasPrefix(dir, metaPrefix) || strings.Contains(dir, "/"+metaPrefix) {
		return e, false
	}
	switch {
	case base == opaqueName:
		e.Type, e.Path = Opaque, strings.TrimSuffix(dir, "/")
	case strings.HasPrefix(base, metaPrefix):
		return e, false
	case strings.HasPrefix(base, whiteoutPrefix):
		hidden := strings.TrimPrefix(base, whiteoutPrefix)
		if hidden == "" || hidden == "." || hidden == ".." {
			return e, false
		}
		e.Type, e.Path = Whiteout, dir+hidden
	}
	return e, true
}
