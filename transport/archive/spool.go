package archive

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"io"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Options says what an archive may use. The zero value needs nothing.
type Options struct {
	// Scratch is where a compressed archive is unpacked once. Nil: it is read again from its start for every pass.
	Scratch fsys.Scratch
	// Yield is called at least once per 64 KiB of decompressed content. Nil natively.
	Yield func()
}

// Spool copies r to a file of scratch with a name of its own; closing that file removes it. The caller closes r.
func Spool(ctx context.Context, scratch fsys.WritableDir, r io.Reader) (fsys.File, error) {
	name := "spool-" + rand.Text()
	// What was begun is cleaned up also after a cancel.
	remove := func() error { return scratch.Remove(context.WithoutCancel(ctx), name) }
	w, err := scratch.Append(ctx, name)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(w, fsys.Pace(ctx, r, nil))
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, errors.Join(err, remove())
	}
	f, err := scratch.Open(ctx, name)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return spooled{f, remove}, nil
}

type spooled struct {
	fsys.File
	remove func() error
}

func (s spooled) Close() error { return errors.Join(s.File.Close(), s.remove()) }

// tarball is a tar file, compressed or not. It owns file.
type tarball struct {
	file  fsys.File
	kind  compress.Kind
	what  string // for errors: what has the bytes that offsets count
	yield func()
}

// newTarball detects a compression and undoes it once where there is room to. It owns f, also after an error.
func newTarball(ctx context.Context, f fsys.File, o Options) (*tarball, error) {
	prefix := make([]byte, compress.PrefixLen)
	n, err := f.ReadAt(prefix, 0)
	if err != nil && err != io.EOF {
		return nil, errors.Join(err, f.Close())
	}
	t := &tarball{f, compress.Detect(prefix[:n]), "the archive", o.Yield}
	if t.kind == compress.None {
		return t, nil
	}
	scratch := o.Scratch.Dir()
	if scratch == nil {
		return t, nil
	}
	r, err := t.inflate(ctx)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	whole, err := Spool(ctx, scratch, &frugal{r, max(freeSpool, f.Size()*spoolRatio)})
	_ = r.Close() // it only repeats what reading said
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return &tarball{whole, compress.None, "the decompressed archive", o.Yield}, nil
}

// Bounds on the scratch space that a compressed archive takes: over 1 GiB, 200 times what is stored. Real archives expand to
// some four times that.
const (
	freeSpool  = 1 << 30
	spoolRatio = 200
)

// frugal fails where more than left bytes are read.
type frugal struct {
	r    io.Reader
	left int64
}

func (f *frugal) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.left -= int64(n); f.left < 0 {
		return 0, errs.New(errs.Input, "", "expands to more than %d GiB, over %d times what is stored", freeSpool>>30, spoolRatio).
			Hinted("if that is right, decompress it first: then it is read in place")
	}
	return n, err
}

// inflate reads the tar from its start.
func (t *tarball) inflate(ctx context.Context) (io.ReadCloser, error) {
	stored := bufio.NewReaderSize(fsys.NewReader(ctx, t.file, 0), 64<<10) // closing what this returns leaves the file open
	r, err := compress.NewReader(stored, t.kind)
	if err != nil {
		if errs.Of(err) == errs.Unsupported {
			return nil, errs.New(errs.Unsupported, "", "%w", err).Hinted("decompress the archive first")
		}
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{fsys.Pace(ctx, r, t.yield), r}, nil
}

// open gives random access to the bytes of the tar; close releases it and leaves the tarball open.
func (t *tarball) open(ctx context.Context) (data io.ReaderAt, close func() error) {
	if t.kind == compress.None {
		return t.file, func() error { return nil }
	}
	c := &cursor{start: func() (io.ReadCloser, error) { return t.inflate(ctx) }}
	return c, c.Close
}
