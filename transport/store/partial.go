package store

import (
	"context"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// maxSlots is how many processes may write one blob at once. Each writes to a file of its own, so that none waits for another
// that may be stuck; the first to be done gives the blob its name, and the others do the same with the same content.
const maxSlots = 64

const lockSuffix = ".lock"

// slot takes a partial file that no other process writes to, the one with what an earlier attempt left first.
func (s *Store) slot(ctx context.Context, d digest.Digest) (name string, unlock func() error, err error) {
	for n := range maxSlots {
		name = path(PartialDir, d)
		if n > 0 {
			name += "." + strconv.Itoa(n)
		}
		unlock, ok, err := fsys.TryLock(ctx, s.dir, name+lockSuffix)
		if ok || err != nil {
			return name, unlock, err
		}
	}
	return "", nil, errs.New(errs.Internal, "", "is written by %d processes at once", maxSlots)
}

// Partial is what a broken attempt left of a blob.
type Partial struct {
	Name       string        // in the directory of the store
	Descriptor v1.Descriptor // of the blob; the size is that of the part, in bytes
}

// Partials lists what was left, also what somebody still writes to.
func (s *Store) Partials(ctx context.Context) ([]Partial, error) {
	algorithms, err := s.list(ctx, PartialDir)
	if err != nil {
		return nil, err
	}
	var out []Partial
	for _, a := range algorithms {
		if !a.Dir {
			continue
		}
		files, err := s.list(ctx, PartialDir+"/"+a.Name)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			hex, _, _ := strings.Cut(f.Name, ".")
			d := digest.NewDigestFromEncoded(digest.Algorithm(a.Name), hex)
			if !f.Dir && !strings.HasSuffix(f.Name, lockSuffix) && oci.CheckDigest(d.String()) == nil {
				out = append(out, Partial{PartialDir + "/" + a.Name + "/" + f.Name, v1.Descriptor{Digest: d, Size: f.Size}})
			}
		}
	}
	return out, nil
}

// Drop removes a partial blob, and says whether it did: not when somebody writes to it.
func (s *Store) Drop(ctx context.Context, p Partial) (bool, error) {
	unlock, ok, err := fsys.TryLock(ctx, s.dir, p.Name+lockSuffix)
	if !ok || err != nil {
		return false, fsys.Kinded(p.Name, err)
	}
	err = s.dir.Remove(ctx, p.Name)
	if uerr := unlock(); err == nil {
		err = uerr
	}
	return err == nil, fsys.Kinded(p.Name, err)
}

// Tidy drops what is left of blobs that are whole now, of [Replace] where nobody has the lock of that name, and of locks, and
// then the directories that are empty. What it cannot remove stays, and does no harm.
func (s *Store) Tidy(ctx context.Context, lock string) {
	if _, err := s.dir.List(ctx, PartialDir); err != nil {
		return // as a rule because there is none
	}
	left, _ := s.Partials(ctx)
	for _, p := range left {
		if _, err := s.Stat(ctx, p.Descriptor.Digest); err == nil {
			_, _ = s.Drop(ctx, p)
		}
	}
	if unlock, ok, err := fsys.TryLock(ctx, s.dir, lock); ok && err == nil {
		s.sweep(ctx, PartialDir, func(name string) bool { return PartialDir+"/"+name != lock })
		_ = unlock()
	}
	algorithms, _ := s.list(ctx, PartialDir)
	for _, a := range algorithms {
		if a.Dir {
			s.sweep(ctx, PartialDir+"/"+a.Name, func(name string) bool { return strings.HasSuffix(name, lockSuffix) })
			_ = s.dir.Remove(ctx, PartialDir+"/"+a.Name) // refused where something is in it
		}
	}
	_ = s.dir.Remove(ctx, PartialDir)
}

// sweep removes files that a process left which ended: a lock when nobody has it.
func (s *Store) sweep(ctx context.Context, dir string, gone func(name string) bool) {
	files, _ := s.list(ctx, dir)
	for _, f := range files {
		name := dir + "/" + f.Name
		switch {
		case f.Dir || !gone(f.Name):
		case strings.HasSuffix(name, lockSuffix):
			if unlock, ok, err := fsys.TryLock(ctx, s.dir, name); ok && err == nil {
				_ = unlock()
			}
		default:
			_ = s.dir.Remove(ctx, name)
		}
	}
}
