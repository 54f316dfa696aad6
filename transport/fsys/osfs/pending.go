package osfs

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Pending is a file being written that takes its name when it is closed, so that nobody sees half of it under that name.
type Pending struct {
	f    *os.File
	name string // "" where f has its name already
}

// CreatePending begins a file beside the one it will replace, with mode 0666 before the umask. A link is followed. What
// exists and is no regular file, as a device or a pipe, is written to as it is; for a directory the error wraps
// fs.ErrInvalid.
func CreatePending(name string) (*Pending, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrInvalid}
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &Pending{f: f}, err
	}
	dir, base := filepath.Split(name)
	f, err := os.OpenFile(dir+"."+base+"."+rand.Text()[:8], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return nil, &fs.PathError{Op: "create", Path: name, Err: pe.Err}
	}
	return &Pending{f: f, name: name}, err
}

// Write adds to the file.
func (p *Pending) Write(b []byte) (int, error) { return p.f.Write(b) }

// Close gives the file its name; when that fails nothing is left.
func (p *Pending) Close() error {
	err := p.f.Close()
	if p.name == "" {
		return err
	}
	if err == nil {
		err = os.Rename(p.f.Name(), p.name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(p.f.Name()))
	}
	return err
}

// Abort drops what was written.
func (p *Pending) Abort(error) {
	_ = p.f.Close()
	if p.name != "" {
		_ = os.Remove(p.f.Name())
	}
}
