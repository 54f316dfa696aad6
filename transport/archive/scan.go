package archive

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
)

// An image archive has some entries for each layer; one with more than this many, or with names of more bytes in all,
// is refused before its index fills the memory.
const (
	maxEntries = 1 << 18
	maxNames   = 32 << 20
)

// member is one entry of a tar.
type member struct {
	off, size int64 // bytes, in the decompressed tar
	prefix    []byte
	link      string // what a link points at, as a name in the archive; "" for a file
	sparse    bool
}

// scan reads every header once. Names are cleaned of ./ and leading slashes; one that leads out of the archive is left
// out, since nothing can ask for it. Of several entries with one name the last counts, as when a tar is unpacked.
// Missing end blocks are tolerated.
func scan(ctx context.Context, t *tarball) (map[string]member, error) {
	data, done := t.open(ctx)
	defer func() { _ = done() }()
	at := io.NewSectionReader(data, 0, math.MaxInt64) // tar.Reader seeks over contents
	tr := tar.NewReader(at)
	members, names := map[string]member{}, 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := tr.Next()
		if err == io.EOF && (len(members) > 0 || t.zeroed(data)) {
			return members, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, t.broken(err, at, len(members) == 0)
		}
		name := clean(h.Name)
		if names += len(name) + len(h.Linkname); len(members) >= maxEntries || names > maxNames {
			return nil, errs.New(errs.Input, "", "has more entries than any image archive: over %d, or %d MiB of names", maxEntries, maxNames>>20)
		}
		m, ok, err := newMember(h, name, at, tr)
		if err != nil {
			return nil, t.broken(err, at, false)
		}
		if ok && fs.ValidPath(name) {
			members[name] = m
		}
	}
}

func clean(name string) string { return path.Clean(strings.TrimLeft(name, "/")) }

// newMember is the entry of a file or link; other types have no place in an image archive and are not ok.
func newMember(h *tar.Header, name string, at io.Seeker, r io.Reader) (m member, ok bool, err error) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
	case tar.TypeSymlink:
		return member{link: path.Join(path.Dir(name), h.Linkname)}, !strings.HasPrefix(h.Linkname, "/"), nil
	case tar.TypeLink:
		return member{link: clean(h.Linkname)}, true, nil
	default:
		return member{}, false, nil
	}
	if m.off, err = at.Seek(0, io.SeekCurrent); err != nil {
		return m, false, err
	}
	m.size, m.sparse = h.Size, sparse(h)
	m.prefix = make([]byte, min(h.Size, compress.PrefixLen))
	_, err = io.ReadFull(r, m.prefix) // read now, since a compressed archive would have to be read again for it
	return m, true, err
}

// sparse says whether an entry is stored with holes, in one of GNU tar's three forms.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

// zeroed says whether a tar without entries is one: it has at least an end block.
func (t *tarball) zeroed(data io.ReaderAt) bool {
	b := make([]byte, 512)
	n, _ := data.ReadAt(b, 0)
	return n == len(b)
}

// broken says what is wrong with the tar and where.
func (t *tarball) broken(err error, at io.Seeker, first bool) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF:
		if first {
			return errs.New(errs.Input, "", "is not a tar archive: it is too short")
		}
		if t.kind == compress.None {
			return errs.New(errs.Input, "", "is truncated: %s ends at byte %d within an entry", t.what, t.file.Size())
		}
		return errs.New(errs.Input, "", "is truncated: the decompressed archive ends within an entry")
	case errors.Is(err, tar.ErrHeader) && first:
		return errs.New(errs.Input, "", "is not a tar archive: it starts with no tar header")
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		pos, _ := at.Seek(0, io.SeekCurrent)
		return errs.New(errs.Input, "", "is broken: no tar header before byte %d (%v)", pos, err)
	}
	return fsys.Kinded("", err)
}
