package guest

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/stevedore-oci/stevedore/fetchshim/polled"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// files opens what a reference names: first among the inputs that the host named, then in the runtime's own directories.
type files struct {
	link   *polled.Link
	call   uint32
	inputs bool
	local  fsys.Host
}

func (f *files) OpenFile(ctx context.Context, name string) (fsys.File, error) {
	if f.inputs {
		in, err := f.link.Open(ctx, f.call, name)
		switch {
		case err == nil && in.Dir:
			_ = in.Close()
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
		case err == nil:
			return inputFile{in}, nil
		case !errors.Is(err, fs.ErrNotExist) || f.local == nil:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	if f.local == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.local.OpenFile(ctx, name)
}

func (f *files) OpenDir(ctx context.Context, name string) (fsys.Dir, error) {
	if f.inputs {
		in, err := f.link.Open(ctx, f.call, name)
		switch {
		case err == nil:
			_ = in.Close()
			if !in.Dir {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
			}
			return &inputDir{f, name}, nil
		case !errors.Is(err, fs.ErrNotExist) || f.local == nil:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
	if f.local == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.local.OpenDir(ctx, name)
}

type inputFile struct{ *polled.Input }

func (i inputFile) Size() int64 { return i.Input.Size }

// inputDir is a directory among the inputs: what is in it is opened by its name below that of the directory.
type inputDir struct {
	f    *files
	name string
}

func (d *inputDir) open(ctx context.Context, name string, dir bool) (*polled.Input, error) {
	if err := fsys.CheckName("open", name); err != nil {
		return nil, err
	}
	full := d.name
	if name != "." {
		full = path.Join(d.name, name)
	}
	in, err := d.f.link.Open(ctx, d.f.call, full)
	if err == nil && in.Dir != dir {
		_ = in.Close()
		err = fs.ErrInvalid
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: full, Err: err}
	}
	return in, nil
}

func (d *inputDir) Open(ctx context.Context, name string) (fsys.File, error) {
	in, err := d.open(ctx, name, false)
	if err != nil {
		return nil, err
	}
	return inputFile{in}, nil
}

func (d *inputDir) List(ctx context.Context, name string) ([]fsys.Entry, error) {
	in, err := d.open(ctx, name, true)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out := make([]fsys.Entry, 0, len(in.Entries))
	for _, e := range in.Entries {
		if fsys.CheckName("list", e.Name) == nil && path.Base(e.Name) == e.Name {
			out = append(out, fsys.Entry(e))
		}
	}
	slices.SortFunc(out, func(a, b fsys.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func (d *inputDir) Close() error { return nil }
