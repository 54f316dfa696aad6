package layer

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/errs"
)

// Limits that keep a hostile layer from filling memory.
const (
	maxEntries = 10_000_000
	maxPath    = 4096 // bytes: PATH_MAX of Linux, where the files of a layer once lay
)

// Options say how a layer is read.
type Options struct {
	// Yield is called at least once per 64 KiB of decompressed content; nil natively.
	Yield func()
	// Progress is told how many compressed bytes were read so far.
	Progress func(done int64)
	// Gunzip undoes gzip by means of the host that are faster than ours; nil where there are none. It may give up, with an
	// error of no kind, on what it does not understand, as browsers do on files of several members: then ours go on. It may return
	// a [Skipper].
	Gunzip func(ctx context.Context, r io.Reader) (io.ReadCloser, error)
}

// Reader reads the entries of one layer in order. It is not safe for concurrent use.
type Reader struct {
	subject string
	pace    *pacer
	plain   plain
	tar     *tar.Reader
	content io.Reader // of the current entry
	head    *tar.Header
	next    int // index of the next entry
}

// Open starts reading the layer that b holds. The compression is found by content, since media types of real images lie.
// The caller closes the Reader. Kinds: unsupported (a compression no image format allows), verification, and those of b.
func Open(ctx context.Context, b content.Blob, o Options) (*Reader, error) {
	subject := "layer " + b.Descriptor().Digest.String()
	p, err := openPlain(ctx, b, o)
	if err != nil {
		return nil, errs.Wrap(subject, err)
	}
	pace := &pacer{ctx: ctx, yield: o.Yield}
	t := tar.NewReader(in(pace, p))
	return &Reader{subject: subject, pace: pace, plain: p, tar: t, content: paced{pace, t}}, nil
}

// Next returns the next entry, or io.EOF after the last one, when the whole blob has been read and so verified. Errors
// name the layer and the entry. Kinds: input, verification, cancelled, and those of the blob.
func (r *Reader) Next() (Entry, error) {
	for {
		h, err := r.tar.Next()
		if err == io.EOF {
			return Entry{}, r.drain()
		}
		// A program may set GODEBUG=tarinsecurepath=0; here names are rooted, not refused.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return Entry{}, r.fail(r.next, err)
		}
		index := r.next
		r.head = h
		r.next++
		if r.next > maxEntries {
			return Entry{}, r.blame(errs.New(errs.Input, r.subject, "has more than %d entries", maxEntries))
		}
		if len(h.Name) > maxPath || len(h.Linkname) > maxPath {
			return Entry{}, r.blame(errs.New(errs.Input, r.subject, "entry %d has a name of more than %d bytes", index, maxPath))
		}
		if e, ok := entryOf(h, index); ok {
			return e, nil
		}
	}
}

// Read reads the content of the entry that Next returned last; the holes of a sparse file read as zeros.
func (r *Reader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	if err != nil && err != io.EOF {
		err = r.fail(r.next-1, err)
	}
	return n, err
}

// Xattrs returns the extended attributes of the entry that Next returned last, with their values.
func (r *Reader) Xattrs() map[string]string {
	all := map[string]string{}
	for k, v := range r.head.PAXRecords {
		if name, ok := strings.CutPrefix(k, schily); ok {
			all[name] = v
		}
	}
	for k, v := range r.head.PAXRecords { // bsdtar writes both, the second one in base 64
		name, ok := libarchiveName(k)
		if _, known := all[name]; !ok || known {
			continue
		}
		if b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "=")); err == nil {
			all[name] = string(b)
		}
	}
	return all
}

// Finish reads what is left, so that the blob's digest is checked.
func (r *Reader) Finish() error {
	if err := r.drain(); err != io.EOF {
		return err
	}
	return nil
}

// Close ends reading; it does not verify.
func (r *Reader) Close() error { return r.plain.Close() }

// drain reads what follows the end of the archive, padding or an eStargz footer, as stored: the digest is of that.
func (r *Reader) drain() error {
	if _, err := io.CopyBuffer(io.Discard, paced{r.pace, r.plain.rest()}, make([]byte, quantum)); err != nil {
		return errs.Wrap(r.subject, err)
	}
	return io.EOF
}

func (r *Reader) fail(index int, err error) error {
	switch {
	case errs.Of(err) != errs.Internal:
		return r.blame(errs.Wrap(r.subject, err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		if r.next == 0 {
			return errs.New(errs.Verification, r.subject, "is cut off before its first entry")
		}
		return errs.New(errs.Verification, r.subject, "is cut off in entry %d or right after it", r.next-1)
	case errors.Is(err, tar.ErrHeader) && index == 0:
		return r.blame(errs.New(errs.Input, r.subject, "is not a tar archive, or entry 0 has a broken header"))
	case errors.Is(err, tar.ErrHeader):
		return r.blame(errs.New(errs.Input, r.subject, "entry %d has a broken tar header", index))
	}
	return r.blame(errs.New(errs.Input, r.subject, "entry %d: %w", index, err))
}

// blame reads the blob to its end where its content is wrong: if its bytes are not those of its digest, what they mean says
// nothing about the image.
func (r *Reader) blame(err error) error {
	if errs.Of(err) != errs.Input {
		return err
	}
	if broken := r.Finish(); errs.Of(broken) == errs.Verification {
		return broken
	}
	return err
}

// quantum is the most bytes that are read between two yields.
const quantum = 64 << 10

// pacer counts bytes, and yields after each quantum of them.
type pacer struct {
	ctx   context.Context
	yield func()
	since int
}

// paced checks for cancellation and yields between reads. What comes out of the archive is paced like what goes in, since
// the hole of a sparse file is as long as it likes and reads nothing.
type paced struct {
	*pacer
	r io.Reader
}

func (p paced) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b[:min(len(b), quantum)])
	if p.since += n; p.since >= quantum {
		p.since = 0
		if p.yield != nil {
			p.yield()
		}
	}
	return n, err
}

// in is p paced, and moved on by it where p can.
func in(pace *pacer, p plain) io.Reader {
	if s, ok := p.(io.Seeker); ok {
		return struct {
			paced
			io.Seeker
		}{paced{pace, p}, s}
	}
	return paced{pace, p}
}

// counter tells how much of the blob was read, at most once per progressStep, and at the end.
type counter struct {
	io.ReadCloser
	progress   func(int64)
	done, told int64
}

// progressStep is in bytes.
const progressStep = 1 << 20

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.done += int64(n)
	if c.progress != nil && (c.done-c.told >= progressStep || err == io.EOF && c.told != c.done) {
		c.told = c.done
		c.progress(c.done)
	}
	return n, err
}

// The prefixes of PAX records that hold extended attributes.
const (
	schily     = "SCHILY.xattr."
	libarchive = "LIBARCHIVE.xattr."
)

// xattrs returns the names of extended attributes, which PAX records carry under two prefixes.
func xattrs(h *tar.Header) []string {
	var names []string
	for k := range h.PAXRecords {
		if name, ok := strings.CutPrefix(k, schily); ok {
			names = append(names, name)
		} else if name, ok := libarchiveName(k); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// libarchiveName is the name of an extended attribute as bsdtar writes it: what is no printable ASCII, % and = are escaped
// (libarchive, archive_write_set_format_pax.c, url_encode).
func libarchiveName(key string) (string, bool) {
	name, ok := strings.CutPrefix(key, libarchive)
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	return name, ok
}
