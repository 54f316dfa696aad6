package cli

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/opencontainers/go-digest"

	"github.com/stevedore-oci/stevedore/core"
)

// printer writes results for people, or JSON as it is.
type printer struct {
	w     *bufio.Writer
	sh    *Shell
	long  bool
	color bool
	width int // columns of the terminal, 0 for no limit
}

func newPrinter(sh *Shell, w io.Writer, long bool) *printer {
	return &printer{w: bufio.NewWriterSize(w, 32<<10), sh: sh, long: long, color: sh.Terminal && sh.Color, width: sh.Width}
}

// Flush writes what is buffered.
func (p *printer) Flush() error { return p.w.Flush() }

func (p *printer) line(b []byte) error {
	_, err := fmt.Fprintf(p.w, "%s\n", b)
	return err
}

func (p *printer) raw(sep string, b []byte) error {
	_, err := p.w.WriteString(sep + string(b))
	return err
}

func (p *printer) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) bold(s string) string { return p.paint("1", s) }
func (p *printer) dim(s string) string  { return p.paint("2", s) }

// plain makes text of an image safe for a terminal: what is not printable is shown as an escape.
func plain(s string) string {
	clean := true
	for _, r := range s {
		if !unicode.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRune(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// size is bytes for people, in powers of 1000 as registries show them.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if f /= 1000; f < 999.5 || unit == "TB" {
			if f < 9.95 {
				return fmt.Sprintf("%.1f %s", f, unit)
			}
			return fmt.Sprintf("%.0f %s", f, unit)
		}
	}
	return ""
}

func when(stamp string) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return plain(stamp)
	}
	return t.Format("2006-01-02 15:04:05 UTC")
}

// item prints one item of a list.
func (p *printer) item(v core.Verb, b []byte) error {
	switch v.Name {
	case "files":
		return show(b, p.file)
	case "sync", "load":
		return show(b, p.synced)
	case "validate":
		return show(b, p.validated)
	case "layers":
		return show(b, p.layers)
	}
	return show(b, func(s string) error { return p.line([]byte(plain(s))) })
}

// show decodes a result of our own and prints it.
func show[T any](b []byte, print func(T) error) error {
	v, err := decodeInto[T](b)
	if err != nil {
		return err
	}
	return print(v)
}

func (p *printer) file(f core.FileItem) error {
	if !p.long {
		return p.line([]byte(plain(f.Path)))
	}
	return p.longFile(f)
}

var typeLetters = map[string]string{
	"file": "-", "dir": "d", "symlink": "l", "hardlink": "h", "char": "c", "block": "b", "fifo": "p", "whiteout": "w", "opaque": "o",
}

func (p *printer) longFile(f core.FileItem) error {
	what := size(f.Size)
	if f.DevMajor != nil && f.DevMinor != nil {
		what = fmt.Sprintf("%d, %d", *f.DevMajor, *f.DevMinor)
	}
	name := plain(f.Path)
	switch {
	case f.Type == "dir":
		name = p.paint("34", name)
	case f.LinkTarget != "":
		name += p.dim(" -> ") + plain(f.LinkTarget)
	case f.HardlinkOf != "":
		name += p.dim(" = ") + plain(f.HardlinkOf)
	}
	if len(f.Xattrs) > 0 {
		name += p.dim(" [" + plain(strings.Join(f.Xattrs, " ")) + "]")
	}
	stamp := f.MTime
	if t, err := time.Parse(time.RFC3339Nano, f.MTime); err == nil {
		stamp = t.Format("2006-01-02 15:04")
	}
	_, err := fmt.Fprintf(p.w, "%s%s %6d:%-6d %8s  %s  %s %s\n", typeLetters[f.Type], modeString(f.Mode), f.UID, f.GID, what, stamp, p.dim(fmt.Sprintf("L%d", f.Layer)), name)
	return err
}

// modeString is "rwxr-xr-x" with s and t for the set-ID and sticky bits, as ls writes it.
func modeString(octal string) string {
	m, err := strconv.ParseUint(octal, 8, 16)
	if err != nil {
		return plain(octal)
	}
	b := []byte("rwxrwxrwx")
	for i := range b {
		if m&(1<<(8-i)) == 0 {
			b[i] = '-'
		}
	}
	for _, s := range []struct {
		bit    uint64
		at     int
		on, no byte
	}{{0o4000, 2, 's', 'S'}, {0o2000, 5, 's', 'S'}, {0o1000, 8, 't', 'T'}} {
		if m&s.bit == 0 {
			continue
		}
		if b[s.at] == 'x' {
			b[s.at] = s.on
		} else {
			b[s.at] = s.no
		}
	}
	return string(b)
}

// table starts aligned columns; the caller flushes it.
func (p *printer) table() *tabwriter.Writer { return tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0) }

// result prints what a verb returned.
func (p *printer) result(v core.Verb, out []byte) error {
	switch v.Name {
	case "inspect":
		return show(out, p.inspect)
	case "digest", "manifest-head", "manifest-put", "blob-put":
		return show(out, func(o core.BlobOut) error { return p.line([]byte(o.Digest)) })
	case "cat":
		return show(out, func(o core.CatOut) error { return p.written(o.Path, o.Size, o.Digest) })
	case "manifest-get", "blob-get", "blob-head":
		return show(out, func(o core.BlobOut) error { return p.written("", o.Size, o.Digest) })
	case "copy":
		return show(out, p.copied)
	case "bundle":
		return show(out, p.bundled)
	case "probe":
		return show(out, p.probed)
	case "tag":
		return show(out, p.tagged)
	case "delete":
		return show(out, p.deleted)
	case "clean":
		return show(out, p.cleaned)
	case "version":
		return show(out, func(o core.VersionOut) error {
			return p.line([]byte(fmt.Sprintf("stevedore %s, reactor ABI %d", o.Version, o.ABI)))
		})
	}
	return p.line(out)
}

// written tells of content that went to a file.
func (p *printer) written(name string, n int64, d digest.Digest) error {
	return p.line([]byte(strings.TrimSpace(fmt.Sprintf("%s  %s  %s", plain(name), size(n), d))))
}
