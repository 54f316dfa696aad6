package host

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/tetratelabs/wazero"
)

// dirs are the directories of one call: each is a root that no link leads out of, which a plain mount would not be.
type dirs []dir

type dir struct {
	guest string
	root  *os.Root
}

// openDirs opens them in the order of the guest's names, since the first one is where relative names start.
func openDirs(named map[string]string) (dirs, error) {
	var out dirs
	for _, guest := range slices.Sorted(maps.Keys(named)) {
		root, err := os.OpenRoot(named[guest])
		if err != nil {
			out.close()
			return nil, &Error{Kind: "input", Message: fmt.Sprintf("the directory for %s: %v", guest, err)}
		}
		out = append(out, dir{guest, root})
	}
	return out, nil
}

func (d dirs) mounts() wazero.FSConfig {
	conf := wazero.NewFSConfig()
	for _, one := range d {
		conf = conf.WithFSMount(one.root.FS(), one.guest)
	}
	return conf
}

func (d dirs) close() {
	for _, one := range d {
		_ = one.root.Close()
	}
}
