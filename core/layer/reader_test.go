package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/layer"
)

const fixtures = "../../../shared/data/golang+go/archive/tar/testdata"

// TestFixtures reads every tar dialect of Go's own suite, and its broken ones.
func TestFixtures(t *testing.T) {
	if _, err := os.Stat(fixtures); err != nil {
		t.Skip("no fixtures here")
	}
	const hdrOnly = "dir:dir:0 fifo:fifo:0 file:file:46 hardlink:hardlink:0>file null:char:0 sda:block:0 symlink:symlink:0>file badlink:symlink:0>missing"
	var counted string
	for i := range 100 {
		counted += fmt.Sprint(i + 1)
	}
	want := map[string]string{
		"file-and-dir.tar":        "small.txt:file:5 dir:dir:0",
		"gnu-incremental.tar":     "test2:dir:0 test2/foo:file:64 test2/sparse:file:536870912",
		"gnu-long-nul.tar":        "0123456789:file:0",
		"gnu-multi-hdrs.tar":      "GNU2/GNU2/long-path-name:symlink:0>GNU4/GNU4/long-linkpath-name",
		"gnu-nil-sparse-data.tar": "sparse.db:file:1000",
		"gnu-nil-sparse-hole.tar": "sparse.db:file:1000",
		"gnu-not-utf8.tar":        "hi\x80\x81\x82\x83bye:file:0",
		"gnu-utf8.tar":            strings.Repeat("☺☻☹", 18) + ":file:0",
		"gnu.tar":                 "small.txt:file:5 small2.txt:file:11",
		"hardlink.tar":            "file.txt:file:15 hard.txt:hardlink:0>file.txt",
		"hdr-only.tar":            strings.Join([]string{hdrOnly, hdrOnly}, " "),
		"invalid-go17.tar":        strings.Repeat("a", 97) + "/foo:file:0",
		"nil-uid.tar":             "P1050238.JPG.log:file:14",
		"pax-global-records.tar":  "file1:file:0 file2:file:0 file3:file:0 file4:file:0",
		"pax-multi-hdrs.tar":      "bar:symlink:0>PAX4/PAX4/long-linkpath-name",
		"pax-nil-sparse-data.tar": "sparse.db:file:1000",
		"pax-nil-sparse-hole.tar": "sparse.db:file:1000",
		"pax-path-hdr.tar":        "",
		"pax-pos-size-file.tar":   "foo:file:999",
		"pax-records.tar":         "file:file:0",
		"pax.tar":                 "a/" + counted + ":file:7 a/b:symlink:0>" + counted,
		"sparse-formats.tar":      "sparse-gnu:file:200 sparse-posix-0.0:file:200 sparse-posix-0.1:file:200 sparse-posix-1.0:file:200 end:file:4",
		"star.tar":                "small.txt:file:5 small2.txt:file:11",
		"trailing-slash.tar":      strings.TrimSuffix(strings.Repeat("123456789/", 30), "/") + ":dir:0",
		"ustar-file-devs.tar":     "file:file:0",
		"ustar-file-reg.tar":      "foo:file:684",
		"ustar.tar":               strings.Repeat("longname/", 15) + "file.txt:file:6",
		"v7.tar":                  "small.txt:file:5 small2.txt:file:11",
		"writer-big.tar":          "tmp/16gig.txt:file:17179869184 error verification",
		"writer.tar":              "small.txt:file:5 small2.txt:file:11 link.txt:symlink:0>small.txt",
		"xattrs.tar":              "small.txt:file:5[security.selinux user.key user.key2] small2.txt:file:11[security.selinux]",
		"issue10968.tar":          "error input",
		"issue11169.tar":          "error input",
		"issue12435.tar":          "error input",
		"pax-bad-hdr-file.tar":    "error input",
		"pax-bad-mtime-file.tar":  "error input",
		"pax-nul-path.tar":        "error input",
		"pax-nul-xattrs.tar":      "error input",
	}
	files, err := filepath.Glob(fixtures + "/*.tar")
	require.NoError(t, err)
	for _, f := range files {
		name := filepath.Base(f)
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		entries, _, err := read(blob(b))
		var got []string
		for _, e := range entries {
			s := fmt.Sprintf("%s:%s:%d", e.Path, e.Type, e.Size)
			if e.Link != "" {
				s += ">" + e.Link
			}
			if e.Xattrs != nil {
				s += fmt.Sprint(e.Xattrs)
			}
			got = append(got, s)
		}
		if err != nil {
			require.ErrorContains(t, err, "layer sha256:")
			require.ErrorContains(t, err, "entry")
			got = append(got, "error "+string(errs.Of(err)))
		}
		if w, ok := want[name]; !ok || w != strings.Join(got, " ") {
			t.Errorf("%q: %q,", name, strings.Join(got, " "))
		}
	}
}

func TestSparseFilesExpand(t *testing.T) {
	b, err := os.ReadFile(fixtures + "/sparse-formats.tar")
	if err != nil {
		t.Skip("no fixtures here")
	}
	_, bodies, err := read(blob(b))
	require.NoError(t, err)
	for i := range 4 {
		require.Len(t, bodies[i], 200)
		require.Equal(t, bodies[0], bodies[i])
	}
	require.Contains(t, bodies[0], "\x00G\x00o\x00")
}

func TestEntry(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	long := strings.Repeat("long/", 60) + "name"
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}))
	require.NoError(t, w.WriteHeader(&tar.Header{
		Name: long, Mode: 0o4755, Uid: 1 << 21, Gid: 70000, ModTime: time.Unix(1e9, 123456789), Format: tar.FormatPAX,
		PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x00\x01", "SCHILY.xattr.user.a": "1", "LIBARCHIVE.xattr.user.a": "MQ"},
	}))
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "/h", Linkname: "./" + long, Format: tar.FormatGNU, ModTime: time.Unix(-5, 0)}))
	require.NoError(t, w.Close())
	entries, _, err := read(blob(b.Bytes()))
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.True(t, entries[0].MTime.Equal(time.Unix(1e9, 123456789)))
	require.True(t, entries[1].MTime.Equal(time.Unix(-5, 0)))
	for i := range entries {
		entries[i].MTime = time.Time{}
	}
	require.Equal(t, []layer.Entry{
		{Path: long, Type: layer.File, Mode: 0o4755, UID: 1 << 21, GID: 70000, Xattrs: []string{"security.capability", "user.a"}, Index: 1},
		{Path: "h", Type: layer.Hardlink, Link: long, Index: 2},
	}, entries)
}

func TestArchiveEnds(t *testing.T) {
	whole := pack(t, "a=1 b=2")
	for name, b := range map[string]blob{
		"as written": whole, "no end blocks": whole[:len(whole)-1024], "one end block": whole[:len(whole)-512],
		"padding": append(bytes.Clone(whole), make([]byte, 20000)...), "trailing bytes": append(bytes.Clone(whole), "footer of another tool"...),
	} {
		entries, _, err := read(b)
		require.NoError(t, err, name)
		require.Len(t, entries, 2, name)
	}
	whole = pack(t, "a="+strings.Repeat("x", 300)+" b=2")
	for cut := 1; cut < len(whole)-1024; cut++ {
		_, _, err := read(whole[:cut])
		if padding := cut >= 512+300 && cut <= 1024 || cut > 1536; padding {
			require.NoError(t, err, "cut at %d", cut)
			continue
		}
		require.Equal(t, errs.Verification, errs.Of(err), "cut at %d: %v", cut, err)
	}
	_, _, err := read(blob("this is no tar archive, whatever its media type says"))
	require.Error(t, err)
	_, _, err = read(blob(strings.Repeat("no tar ", 512)))
	require.ErrorContains(t, err, "is not a tar archive")
	entries, _, err := read(blob(""))
	require.NoError(t, err)
	require.Empty(t, entries)
}

// lying has another digest than its content.
type lying struct{ blob }

func (l lying) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := l.blob.Open(ctx)
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(r, failing{}), r}, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) {
	return 0, errs.New(errs.Verification, "", "content differs")
}

func TestDigestIsCheckedAfterTheArchive(t *testing.T) {
	b := lying{pack(t, "a=1")}
	entries, _, err := read(b)
	require.Len(t, entries, 1)
	require.Equal(t, errs.Verification, errs.Of(err))

	r, err := layer.Open(context.Background(), b, layer.Options{})
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next()
	require.NoError(t, err)
	require.Equal(t, errs.Verification, errs.Of(r.Finish()))
}

func TestPathLimit(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: strings.Repeat("x/", 2500)}))
	require.NoError(t, w.Close())
	_, _, err := read(blob(b.Bytes()))
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "entry 0")
}

func TestPaceAndProgress(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	const size = 5 << 20
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "a", Size: size}))
	_, err := w.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	yields, told := 0, []int64{}
	r, err := layer.Open(context.Background(), blob(b.Bytes()), layer.Options{Yield: func() { yields++ }, Progress: func(n int64) { told = append(told, n) }})
	require.NoError(t, err)
	for err == nil {
		_, err = r.Next()
	}
	require.Equal(t, io.EOF, err)
	require.NoError(t, r.Close())
	require.GreaterOrEqual(t, yields, size>>16)
	require.Len(t, told, 6)
	require.EqualValues(t, b.Len(), told[5])
}

// TestHolesAreInterruptible reads a sparse file of a terabyte that takes two kilobytes.
func TestHolesAreInterruptible(t *testing.T) {
	b := pack(t, "a=")
	copy(b[257:], "ustar  \x00")
	b[156] = tar.TypeGNUSparse
	big := []byte{0x80, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0} // 2^40 in base-256
	copy(b[386:], big)                                      // one piece of data, of no bytes, at the end
	copy(b[398:], "00000000000\x00")
	copy(b[483:], big)
	checksum(b[:512])
	ctx, cancel := context.WithCancel(context.Background())
	yields := 0
	r, err := layer.Open(ctx, b, layer.Options{Yield: func() {
		if yields++; yields == 5 {
			cancel()
		}
	}})
	require.NoError(t, err)
	defer r.Close()
	e, err := r.Next()
	require.NoError(t, err)
	require.EqualValues(t, 1<<40, e.Size)
	n, err := io.Copy(io.Discard, r)
	require.Equal(t, errs.Cancelled, errs.Of(err))
	require.Less(t, n, int64(1<<20))
}

func checksum(h []byte) {
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}
