package host

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/tetratelabs/wazero"
)

// dirs are the directories of one call: each is a root that no link leads out of, which a plain mount would not be.
type dirs []dir

type dir struct {
	guest, path string
	written     bool
	root        *os.Root
}

// openDirs opens them in the order of the guest's names, since the first one is where relative names start.
func openDirs(o Options) (dirs, error) {
	var out dirs
	for _, guest := range slices.Sorted(maps.Keys(o.Dirs)) {
		out = append(out, dir{guest: guest, path: o.Dirs[guest]})
	}
	for _, guest := range slices.Sorted(maps.Keys(o.WriteDirs)) {
		out = append(out, dir{guest: guest, path: o.WriteDirs[guest], written: true})
	}
	for i, d := range out {
		root, err := os.OpenRoot(d.path)
		if err != nil {
			out[:i].close()
			return nil, &Error{Kind: "input", Message: fmt.Sprintf("the directory for %s: %v", d.guest, err)}
		}
		out[i].root = root
	}
	slices.SortStableFunc(out, func(a, b dir) int { return cmp.Compare(a.guest, b.guest) })
	return out, nil
}

func (d dirs) mounts() wazero.FSConfig {
	conf := wazero.NewFSConfig()
	for _, one := range d {
		if one.written {
			conf = conf.WithDirMount(one.path, one.guest)
			continue
		}
		conf = conf.WithFSMount(one.root.FS(), one.guest)
	}
	return conf
}

func (d dirs) close() {
	for _, one := range d {
		_ = one.root.Close()
	}
}
