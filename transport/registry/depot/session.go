package depot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// sessionLife is how long an upload that nobody goes on with is kept.
const sessionLife = 24 * time.Hour

// running is what is remembered of a session between two requests, so that its content need not be read again to be hashed.
// Without it, as after a restart, it is.
type running struct {
	turn chan struct{} // holds one value; whoever took it may use the session
	hash hash.Hash     // SHA-256 of the first size bytes
	size int64
}

// session is an upload under way, as one request sees it.
type session struct {
	r      *Repository
	id     string
	state  *running
	file   fsys.Writer // nil once it is closed
	closed bool
}

// unique is a name for a new file below upload/: the time in seconds, and what makes it one of a kind.
func (d *Depot) unique() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%x-%s", d.clock.Now().Unix(), hex.EncodeToString(b[:]))
}

// begun is when a file below upload/ was made.
func begun(id string) (time.Time, bool) {
	seconds, rest, ok := strings.Cut(id, "-")
	n, err := strconv.ParseInt(seconds, 16, 64)
	if !ok || err != nil || len(rest) != 32 || strings.Trim(rest, "0123456789abcdef") != "" || strings.Trim(seconds, "0123456789abcdef") != "" {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// Begin implements [serve.Repository]. It also drops the uploads that were given up.
func (r *Repository) Begin(ctx context.Context) (serve.Session, error) {
	if err := r.depot.sweep(ctx); err != nil {
		return nil, err
	}
	s := &session{r: r, id: r.depot.unique()}
	return s, s.open(ctx)
}

// Session implements [serve.Repository].
func (r *Repository) Session(ctx context.Context, id string) (serve.Session, error) {
	unknown := errs.New(errs.NotFound, id, "there is no such upload")
	if _, ok := begun(id); !ok {
		return nil, unknown
	}
	f, err := r.depot.dir.Open(ctx, path.Join(uploads, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown
	}
	if err != nil {
		return nil, fsys.Kinded(id, err)
	}
	if err := f.Close(); err != nil {
		return nil, fsys.Kinded(id, err)
	}
	s := &session{r: r, id: id}
	return s, s.open(ctx)
}

// sweep removes what is left of uploads that ended without a word.
func (d *Depot) sweep(ctx context.Context) error {
	entries, err := d.list(ctx, uploads)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if at, ok := begun(e.Name); ok && d.clock.Now().Sub(at) > sessionLife {
			if err := d.dir.Remove(ctx, path.Join(uploads, e.Name)); err != nil {
				return fsys.Kinded(e.Name, err)
			}
			d.forget(e.Name)
		}
	}
	return nil
}

func (d *Depot) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, id)
}

// open waits for the request before, and opens the session's file at its end.
func (s *session) open(ctx context.Context) error {
	d := s.r.depot
	d.mu.Lock()
	if d.sessions[s.id] == nil {
		d.sessions[s.id] = &running{turn: make(chan struct{}, 1), hash: sha256.New()}
		d.sessions[s.id].turn <- struct{}{}
	}
	s.state = d.sessions[s.id]
	d.mu.Unlock()
	select {
	case <-s.state.turn:
	case <-ctx.Done():
		return errs.Wrap(s.id, ctx.Err())
	}
	f, err := d.dir.Append(ctx, path.Join(uploads, s.id))
	if err != nil {
		s.state.turn <- struct{}{}
		return fsys.Kinded(s.id, err)
	}
	s.file = fsys.Flushed(f)
	return nil
}

func (s *session) ID() string { return s.id }

func (s *session) Size() int64 { return s.file.Size() }

// Write appends. Of a session that was made in another life of the process the hash is behind, and left there.
func (s *session) Write(p []byte) (int, error) {
	whole := s.state.size == s.file.Size()
	n, err := s.file.Write(p)
	if whole {
		s.state.hash.Write(p[:n])
		s.state.size += int64(n)
	}
	return n, fsys.Kinded(s.id, err)
}

// Commit makes a blob of the repository. Content with another digest is dropped, and the session with it.
func (s *session) Commit(ctx context.Context, want digest.Digest) error {
	if err := oci.CheckDigest(want.String()); err != nil {
		return err
	}
	name := path.Join(uploads, s.id)
	size := s.file.Size()
	err := errors.Join(s.file.Sync(), s.file.Close())
	s.file = nil
	if err != nil {
		return fsys.Kinded(s.id, err)
	}
	got, err := s.digest(ctx, want.Algorithm(), name, size)
	switch {
	case err != nil:
		return fsys.Kinded(s.id, err)
	case got != want:
		return errors.Join(errs.New(errs.Verification, s.id, "content has the digest %s, not %s", got, want), s.Cancel(ctx))
	}
	if err := s.r.depot.store.Adopt(ctx, name, want); err != nil {
		return err
	}
	s.r.depot.forget(s.id)
	return s.r.link(ctx, want)
}

func (s *session) digest(ctx context.Context, a digest.Algorithm, name string, size int64) (digest.Digest, error) {
	if a == digest.SHA256 && s.state.size == size {
		return oci.HashDigest(a, s.state.hash), nil
	}
	f, err := s.r.depot.dir.Open(ctx, name)
	if err != nil {
		return "", err
	}
	r := fsys.NewReader(ctx, f, 0)
	defer func() { _ = r.Close() }()
	h := a.Hash()
	_, err = io.Copy(h, r)
	return oci.HashDigest(a, h), err
}

// Cancel drops the session.
func (s *session) Cancel(ctx context.Context) error {
	s.r.depot.forget(s.id)
	return fsys.Kinded(s.id, s.r.depot.dir.Remove(context.WithoutCancel(ctx), path.Join(uploads, s.id)))
}

// Close lets the next request have the session.
func (s *session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	defer func() { s.state.turn <- struct{}{} }()
	if s.file == nil {
		return nil
	}
	return fsys.Kinded(s.id, s.file.Close())
}
