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
		t.Log("without the fixtures of other projects: they are not beside the repository")
		return
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

// TestSparse reads what GNU tar writes; see testdata/sparse.
func TestSparse(t *testing.T) {
	hole, many := make([]byte, 1_000_000), make([]byte, 400_000)
	copy(hole[400_000:], "island")
	copy(hole[999_995:], "shore")
	for i := range 40 {
		many[i*10_000] = 'x'
	}
	files, err := filepath.Glob("testdata/sparse/*.tar.gz")
	require.NoError(t, err)
	require.Len(t, files, 4)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		entries, bodies, err := read(blob(b))
		require.NoError(t, err, name)
		require.Len(t, entries, 3, name)
		for i, want := range []struct{ path, body string }{{"hole", string(hole)}, {"many", string(many)}, {"end", "end\n"}} {
			e := entries[i]
			require.Equal(t, want.path, e.Path, name)
			require.Equal(t, layer.File, e.Type, name)
			require.EqualValues(t, len(want.body), e.Size, name)
			require.True(t, bodies[e.Index] == want.body, "%s in %s", e.Path, name)
			require.Empty(t, e.Xattrs, "the map is not taken for one")
		}
	}
}

// block is a tar header that no library writes: change gets it before it is summed.
func block(name string, typeflag byte, change func(h []byte)) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00")
	h[156] = typeflag
	if change != nil {
		change(h)
	}
	checksum(h)
	return h
}

func padded(s string) []byte { return append([]byte(s), make([]byte, -len(s)&511)...) }

func TestDialects(t *testing.T) {
	size := func(n int) func([]byte) { return func(h []byte) { copy(h[124:], fmt.Sprintf("%011o\x00", n)) } }
	pax := func(records string) []byte {
		return append(block("PaxHeaders/x", 'x', func(h []byte) { copy(h[257:], "ustar\x0000"); size(len(records))(h) }), padded(records)...)
	}
	join := func(parts ...[]byte) blob { return append(bytes.Join(parts, nil), make([]byte, 1024)...) }
	for name, c := range map[string]struct {
		b    blob
		want layer.Entry
		body string
	}{
		"version 7":           {join(block("a", 0, size(1)), padded("x")), layer.Entry{Path: "a", Type: layer.File, Size: 1}, "x"},
		"version 7, a folder": {join(block("a/", 0, nil)), layer.Entry{Path: "a", Type: layer.Dir}, ""},
		"not UTF-8":           {join(block("a\xff\xfe", '0', nil)), layer.Entry{Path: "a\xff\xfe", Type: layer.File}, ""},
		"a contiguous file":   {join(block("a", '7', size(1)), padded("x")), layer.Entry{Path: "a", Type: layer.File, Size: 1}, "x"},
		"base-256": {join(block("a", '0', func(h []byte) {
			copy(h[108:116], "\x80\x00\x00\x00\x01\x00\x00\x09")
			copy(h[124:136], "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")
		}), padded("x")), layer.Entry{Path: "a", Type: layer.File, Size: 1, UID: 1<<24 + 9}, "x"},
		"base-256, negative":    {join(block("a", '0', func(h []byte) { copy(h[116:124], "\xff\xff\xff\xff\xff\xff\xff\xfe") })), layer.Entry{Path: "a", Type: layer.File, GID: -2}, ""},
		"PAX size and path":     {join(pax("10 size=1\n13 path=b/cc\n"), block("a", '0', size(0)), padded("x")), layer.Entry{Path: "b/cc", Type: layer.File, Size: 1}, "x"},
		"PAX linkpath":          {join(pax("17 linkpath=../x\n"), block("a", '2', nil)), layer.Entry{Path: "a", Type: layer.Symlink, Link: "../x"}, ""},
		"PAX owner":             {join(pax("16 uid=12345678\n16 gid=23456789\n"), block("a", '0', nil)), layer.Entry{Path: "a", Type: layer.File, UID: 12345678, GID: 23456789}, ""},
		"PAX xattrs":            {join(pax("30 SCHILY.xattr.user.note=x=y\n"), block("a", '0', nil)), layer.Entry{Path: "a", Type: layer.File, Xattrs: []string{"user.note"}}, ""},
		"libarchive's xattrs":   {join(pax("34 LIBARCHIVE.xattr.user.a%20b=eA\n30 SCHILY.xattr.user.a b=xyzw\n"), block("a", '0', nil)), layer.Entry{Path: "a", Type: layer.File, Xattrs: []string{"user.a b"}}, ""},
		"GNU L":                 {join(block("././@LongLink", 'L', size(300)), padded(strings.Repeat("n", 299)+"\x00"), block("n", '0', nil)), layer.Entry{Path: strings.Repeat("n", 299), Type: layer.File}, ""},
		"GNU K":                 {join(block("././@LongLink", 'K', size(300)), padded(strings.Repeat("l", 299)+"\x00"), block("n", '2', nil)), layer.Entry{Path: "n", Type: layer.Symlink, Link: strings.Repeat("l", 299)}, ""},
		"a device":              {join(block("a", '4', func(h []byte) { copy(h[257:], "ustar\x0000"); copy(h[329:], "0000007\x000000010\x00") })), layer.Entry{Path: "a", Type: layer.Block, DevMajor: 7, DevMinor: 8}, ""},
		"a FIFO":                {join(block("a", '6', nil)), layer.Entry{Path: "a", Type: layer.FIFO}, ""},
		"a vendor's type first": {join(block("v", 'V', nil), block("a", '0', nil)), layer.Entry{Path: "a", Type: layer.File, Index: 1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			entries, bodies, err := read(c.b)
			require.NoError(t, err)
			require.Len(t, entries, 1)
			c.want.Mode, c.want.MTime = 0o644, entries[0].MTime
			require.Equal(t, c.want, entries[0])
			require.Equal(t, c.body, bodies[entries[0].Index])
		})
	}
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
