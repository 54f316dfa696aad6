package fsystest

import (
	"context"
	"path"
	"slices"
	"sync"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Disk is a directory that knows what a power failure would take from it: content that was written and not synced, and names in
// directories that were not. It tells [Disk.Renamed] about each file that gets its name.
type Disk struct {
	fsys.WritableDir
	// Renamed is called after a rename, with what would be lost at that moment: names, sorted.
	Renamed func(name string, lost []string)

	mu   sync.Mutex
	open map[string]bool // files with content that is not on the disk
	name map[string]bool // files whose name is not
}

// NewDisk makes a Disk of a directory that is empty.
func NewDisk(d fsys.WritableDir, renamed func(name string, lost []string)) *Disk {
	return &Disk{WritableDir: d, Renamed: renamed, open: map[string]bool{}, name: map[string]bool{}}
}

// Append implements [fsys.WritableDir].
func (d *Disk) Append(ctx context.Context, name string) (fsys.Writer, error) {
	w, err := d.WritableDir.Append(ctx, name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name[name] = true
	return diskWriter{w, d, name}, nil
}

// Rename implements [fsys.WritableDir].
func (d *Disk) Rename(ctx context.Context, oldname, newname string) error {
	if err := d.WritableDir.Rename(ctx, oldname, newname); err != nil {
		return err
	}
	d.mu.Lock()
	d.open[newname] = d.open[oldname]
	d.name[newname] = true
	delete(d.open, oldname)
	delete(d.name, oldname)
	var lost []string
	for _, of := range []map[string]bool{d.open, d.name} {
		for name, is := range of {
			if is && !slices.Contains(lost, name) {
				lost = append(lost, name)
			}
		}
	}
	d.mu.Unlock()
	slices.Sort(lost)
	d.Renamed(newname, lost)
	return nil
}

// Remove implements [fsys.WritableDir].
func (d *Disk) Remove(ctx context.Context, name string) error {
	d.mu.Lock()
	delete(d.open, name)
	delete(d.name, name)
	d.mu.Unlock()
	return d.WritableDir.Remove(ctx, name)
}

// Sync implements [fsys.WritableDir].
func (d *Disk) Sync(ctx context.Context, name string) error {
	d.mu.Lock()
	delete(d.open, name)
	for n := range d.name {
		if path.Dir(n) == name {
			delete(d.name, n)
		}
	}
	d.mu.Unlock()
	return d.WritableDir.Sync(ctx, name)
}

type diskWriter struct {
	fsys.Writer
	d    *Disk
	name string
}

func (w diskWriter) Write(p []byte) (int, error) {
	w.d.mu.Lock()
	w.d.open[w.name] = true
	w.d.mu.Unlock()
	return w.Writer.Write(p)
}

func (w diskWriter) Sync() error {
	w.d.mu.Lock()
	delete(w.d.open, w.name)
	w.d.mu.Unlock()
	return w.Writer.Sync()
}
