package osfs

import (
	"os"
	"sync"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Scratch is a folder for what has to be kept for a while, below TMPDIR or what the system has in its place, with a name that begins
// with prefix; it is made when it is needed first. free removes it. There is none where it cannot be made, as in a container without
// /tmp, or on WASI where the runtime opens no such directory.
func Scratch(prefix string) (scratch fsys.Scratch, free func()) {
	var name string
	var dir fsys.WritableDir
	var once sync.Once
	open := func() {
		var err error
		if name, err = os.MkdirTemp("", prefix); err != nil {
			return
		}
		if made, err := OpenRoot(name); err == nil {
			dir = made
		}
	}
	scratch = func() fsys.WritableDir {
		once.Do(open)
		return dir
	}
	return scratch, func() {
		if dir != nil {
			_ = dir.Close()
		}
		if name != "" {
			_ = os.RemoveAll(name)
		}
	}
}
