package store

import (
	"bytes"
	"context"
	slashpath "path"

	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// Temporary is where in the directory of a store the file name grows. Whoever uses it holds a lock, or has that name alone.
func Temporary(name string) string { return PartialDir + "/" + name }

// Replace gives a small file beside the blobs new content: all of it, or none. It grows under the last part of its name, and the
// caller holds a lock that covers that, so what is there was left by one that broke off.
func Replace(ctx context.Context, dir fsys.WritableDir, name string, content []byte) error {
	temp := Temporary(slashpath.Base(name))
	if err := dir.Remove(ctx, temp); err != nil {
		return err
	}
	p, err := fsys.NewPending(ctx, dir, temp, name)
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	if _, err := p.Write(content); err != nil {
		return err
	}
	return p.Commit(ctx)
}

// Update is [Replace] where the file has other content, and says whether it had.
func Update(ctx context.Context, dir fsys.WritableDir, name string, content []byte) (changed bool, err error) {
	there, err := fsys.ReadFile(ctx, dir, name, int64(len(content)))
	if err == nil && bytes.Equal(there, content) {
		return false, nil
	}
	return true, Replace(ctx, dir, name, content) // also where it could not be read
}
