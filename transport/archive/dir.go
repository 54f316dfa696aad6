package archive

import (
	"context"
	"io"
	"io/fs"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// maxLinks is how many links are followed from one name, so that a circle ends.
const maxLinks = 8

// Dir is the content of a tar as a directory, a [fsys.Dir]. It is safe for concurrent use.
type Dir struct {
	tar     *tarball
	members map[string]member
}

// OpenDir indexes the tar in f, which may be compressed with gzip or zstd. It owns f: Close closes it, and so does an
// error. subject is what errors name. Kinds: input for what is no tar, is truncated or is broken, verification for
// broken compressed data, unsupported for another compression.
func OpenDir(ctx context.Context, f fsys.File, subject string, o Options) (*Dir, error) {
	t, err := newTarball(ctx, f, o)
	if err != nil {
		return nil, errs.Wrap(subject, err)
	}
	members, err := scan(ctx, t)
	if err != nil {
		_ = t.file.Close()
		return nil, errs.Wrap(subject, err)
	}
	return &Dir{t, members}, nil
}

// resolve follows links from name.
func (d *Dir) resolve(op, name string) (member, error) {
	if err := fsys.CheckName(op, name); err != nil {
		return member{}, err
	}
	for target, n := name, 0; n <= maxLinks; n++ {
		m, ok := d.members[target]
		switch {
		case !ok && d.isDir(target):
			return m, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
		case !ok:
			return m, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		case m.link == "":
			return m, nil
		}
		target = m.link
	}
	return member{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
}

func (d *Dir) isDir(name string) bool {
	if name == "." {
		return true
	}
	for m := range d.members {
		if strings.HasPrefix(m, name) && strings.HasPrefix(m[len(name):], "/") {
			return true
		}
	}
	return false
}

// Open opens an entry; symbolic and hard links within the archive are followed.
func (d *Dir) Open(ctx context.Context, name string) (fsys.File, error) {
	m, err := d.resolve("open", name)
	if err != nil {
		return nil, err
	}
	if m.sparse {
		return nil, errs.New(errs.Unsupported, name, "is a sparse entry, which no image tool writes")
	}
	data, done := d.tar.open(ctx)
	return section{io.NewSectionReader(data, m.off, m.size), done}, nil
}

type section struct {
	*io.SectionReader
	done func() error
}

func (s section) Close() error { return s.done() }

// List returns the entries below name; links that lead nowhere are left out.
func (d *Dir) List(_ context.Context, name string) ([]fsys.Entry, error) {
	if err := fsys.CheckName("list", name); err != nil {
		return nil, err
	}
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	seen := map[string]fsys.Entry{}
	for full := range d.members {
		rest, ok := strings.CutPrefix(full, prefix)
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		if deeper {
			seen[first] = fsys.Entry{Name: first, Dir: true}
		} else if m, err := d.resolve("list", full); err == nil {
			seen[first] = fsys.Entry{Name: first, Size: m.size}
		}
	}
	if len(seen) == 0 && name != "." {
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrNotExist}
	}
	return fsys.Sorted(seen), nil
}

// has says whether the archive has an entry of that name.
func (d *Dir) has(name string) bool {
	_, ok := d.members[name]
	return ok
}

// Close closes the archive; what was opened in it cannot be read any more.
func (d *Dir) Close() error { return d.tar.file.Close() }
