package tests

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"
)

// tarEntry is one file of an image that a test makes up.
type tarEntry struct{ name, body string }

// saveImage writes a docker archive of one layer.
func saveImage(t *testing.T, file string, config map[string]any, entries func(add func(tarEntry))) {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	entries(func(e tarEntry) {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body))}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write([]byte(e.body))
		require.NoError(t, err)
	})
	require.NoError(t, w.Close())
	config["rootfs"] = map[string]any{"type": "layers", "diff_ids": []string{digest.FromBytes(layer.Bytes()).String()}}
	f, err := os.Create(file)
	require.NoError(t, err)
	defer f.Close()
	w = tar.NewWriter(f)
	for _, e := range []tarEntry{
		{"manifest.json", string(encode(t, []map[string]any{{"Config": "config.json", "Layers": []string{"layer.tar"}, "RepoTags": []string{"made/up:1"}}}))},
		{"config.json", string(encode(t, config))},
		{"layer.tar", layer.String()},
	} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body))}))
		_, err := w.Write([]byte(e.body))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

// manyFiles is an image of 110,000 files, most of them in one folder.
func manyFiles(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "many.tar")
	saveImage(t, file, map[string]any{"os": "linux", "architecture": "amd64"}, func(add func(tarEntry)) {
		for i := range 100_000 {
			add(tarEntry{fmt.Sprintf("flat/file-%06d", i), fmt.Sprint(i)})
		}
		for i := range 10_000 {
			add(tarEntry{fmt.Sprintf("deep/%d/%d/%d", i/1000, i/10%100, i), "x"})
		}
	})
	return file
}

// needyProgram is an ELF file that needs as many libraries as there is room for, of names without an end.
func needyProgram() string {
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	le.PutUint16(b[16:], 3)  // a shared object
	le.PutUint64(b[32:], 64) // where the program headers are
	le.PutUint16(b[54:], 56) // bytes of each
	le.PutUint16(b[56:], 2)  // how many
	const entries = 60_000
	segment := func(kind uint32, offset, size uint64) {
		h := make([]byte, 56)
		le.PutUint32(h, kind)
		le.PutUint64(h[8:], offset)
		le.PutUint64(h[32:], size)
		b = append(b, h...)
	}
	segment(1, 0, 1<<40)            // loaded at 0
	segment(2, 64+2*56, entries*16) // dynamic
	b = le.AppendUint64(le.AppendUint64(b, 5), 64+2*56+(entries)*16)
	for range entries - 1 {
		b = le.AppendUint64(le.AppendUint64(b, 1), 0)
	}
	return string(b) + strings.Repeat("x", 80_000)
}

// hostileImage has markup wherever an image says something.
func hostileImage(t *testing.T) string {
	const mark = `<img src=x onerror="globalThis.ran=1;alert(1)">`
	const script = `<script>globalThis.ran=1;alert(2)</script>`
	file := filepath.Join(t.TempDir(), mark[:8]+".tar")
	config := map[string]any{
		"os": "linux", "architecture": script, "author": mark, "created": "2023-11-14T22:13:20Z",
		"config": map[string]any{
			"User": mark, "WorkingDir": "/" + script, "Entrypoint": []string{mark, script}, "Cmd": []string{"javascript:alert(3)"}, "Env": []string{mark},
			"Labels":       map[string]string{mark: script, "url": "javascript:alert(4)", "digest": "sha256:" + mark},
			"ExposedPorts": map[string]any{script: map[string]any{}}, "Volumes": map[string]any{mark: map[string]any{}},
		},
		"history": []map[string]any{{"created_by": mark + script + "\u202egnp.exe"}},
	}
	page := "<!doctype html><title>x</title>" + script + `<body onload="alert(5)"><iframe srcdoc="` + script + `"></iframe>`
	svg := `<svg xmlns="http://www.w3.org/2000/svg" onload="globalThis.ran=1"><script>alert(6)</script><foreignObject>` + page + `</foreignObject></svg>`
	saveImage(t, file, config, func(add func(tarEntry)) {
		for _, e := range []tarEntry{
			{"index.html", page}, {"picture.svg", svg}, {"picture.png", svg}, {"a.json", `{"` + `\u003cimg src=x onerror=alert(7)>": "` + `\u003cscript>alert(8)\u003c/script>", "__proto__": {"ran": 1}}`},
			{mark, mark}, {"dir " + script + "/" + mark, script}, {"javascript:alert(9)", "x"}, {"names/\u202egnp.exe", "x"}, {"names/new\nline", "x"},
			{"names/../../escape", "x"}, {"${7*7}{{7*7}}", "${alert(10)}{{constructor.constructor('alert(11)')()}}"},
			{"Größe/日本/" + strings.Repeat("long ", 580), "x"},
			{"fake.gif", "GIF89a" + script}, {"fake.elf", "\x7fELF\x02\x01\x01" + string(make([]byte, 9)) + "\xff\xff\xff\xff" + page}, {"needy.elf", needyProgram()},
		} {
			add(e)
		}
	})
	return file
}
