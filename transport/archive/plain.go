package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/store"
)

// plain is a layer without its compression.
type plain struct {
	entry
	diffID digest.Digest
}

// layers are decompressed layers in a spool, by the digest of what they were made from.
type layers struct {
	spool fsys.WritableDir
	yield func()

	mu    sync.Mutex
	plain map[digest.Digest]plain
}

func (l *layers) get(d digest.Digest) (plain, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.plain[d]
	return p, ok
}

func (l *layers) set(d digest.Digest, p plain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plain[d] = p
}

// put decompresses a layer into the spool, where an earlier copy may have left it whole.
func (l *layers) put(ctx context.Context, b content.Blob) (content.How, error) {
	d := b.Descriptor()
	if err := oci.CheckDescriptor(d); err != nil {
		return "", err
	}
	if _, ok := l.get(d.Digest); ok {
		return content.Existed, ctx.Err()
	}
	if f, ok := content.As[fsys.Filer](b); ok {
		is, err := isPlain(ctx, f)
		if is {
			err = l.keep(ctx, b, f)
		}
		if is || err != nil {
			return content.Stored, fsys.Kinded(d.Digest.String(), err)
		}
	}
	name := "layers/" + d.Digest.Algorithm().String() + "/" + d.Digest.Encoded()
	how := content.Existed
	p, err := l.find(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		how = content.Stored
		p, err = l.inflate(ctx, b, name)
	}
	if err != nil {
		return "", fsys.Kinded(d.Digest.String(), err)
	}
	l.set(d.Digest, p)
	return how, nil
}

// find is a layer in the spool, hashed.
func (l *layers) find(ctx context.Context, name string) (plain, error) {
	p := plain{entry: entry{open: l.opener(name)}}
	err := p.measure(ctx, io.Discard)
	return p, err
}

// opener opens a file of the spool.
func (l *layers) opener(name string) func(ctx context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		f, err := l.spool.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		return fsys.NewReader(ctx, f, 0), nil
	}
}

// isPlain says whether a layer that lies in a file is not compressed.
func isPlain(ctx context.Context, f fsys.Filer) (bool, error) {
	file, err := f.File(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }()
	prefix := make([]byte, compress.PrefixLen)
	n, err := file.ReadAt(prefix, 0)
	if err == io.EOF {
		err = nil
	}
	return compress.Detect(prefix[:n]) == compress.None, err
}

// keep is put for a layer that can be read where it lies.
func (l *layers) keep(ctx context.Context, b content.Blob, f fsys.Filer) error {
	p := l.decompressed(b)
	if err := p.measure(ctx, io.Discard); err != nil {
		return err
	}
	p.open = fileBlob{f, b.Descriptor()}.Open
	l.set(b.Descriptor().Digest, p)
	return nil
}

// inflate decompresses a layer into the spool. It is not synced, since whoever finds it hashes it.
func (l *layers) inflate(ctx context.Context, b content.Blob, name string) (plain, error) {
	p := l.decompressed(b)
	temp := store.Temporary("layer-" + rand.Text())
	w, err := l.spool.Append(ctx, temp)
	if err != nil {
		return p, err
	}
	err = errors.Join(p.measure(ctx, w), w.Close())
	if err == nil {
		err = l.spool.Rename(ctx, temp, name)
	}
	if err != nil {
		return p, errors.Join(err, l.spool.Remove(context.WithoutCancel(ctx), temp))
	}
	p.open = l.opener(name)
	return p, nil
}

// measured is a layer that is decompressed each time it is opened.
func (l *layers) measured(ctx context.Context, b content.Blob) (plain, error) {
	p := l.decompressed(b)
	err := p.measure(ctx, io.Discard)
	return p, err
}

// decompressed is a layer of unknown size. What it opens verifies b.
func (l *layers) decompressed(b content.Blob) plain {
	return plain{entry: entry{open: func(ctx context.Context) (io.ReadCloser, error) {
		raw, err := b.Open(ctx)
		if err != nil {
			return nil, err
		}
		z, _, err := compress.Auto(raw)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{fsys.Pace(ctx, z, l.yield), z}, nil
	}}}
}

// measure copies a layer to w and finds its size and diff ID.
func (p *plain) measure(ctx context.Context, w io.Writer) error {
	r, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	h := digest.Canonical.Hash()
	if p.size, err = io.Copy(io.MultiWriter(w, h), r); err != nil {
		return err
	}
	p.diffID = digest.NewDigest(digest.Canonical, h)
	return nil
}
