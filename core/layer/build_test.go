package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/layer"
)

// blob is a layer in memory, verified as every Source does.
type blob []byte

func (b blob) Descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: v1.MediaTypeImageLayer, Digest: digest.FromBytes(b), Size: int64(len(b))}
}

func (b blob) Open(context.Context) (io.ReadCloser, error) {
	return content.Verify(io.NopCloser(bytes.NewReader(b)), b.Descriptor())
}

// pack makes a layer of a short notation, one entry a word: "a/" is a directory, "a=text" a file, "a>b" a symbolic
// link to b, "a<b" a hard link to b, "a%c" a device, "a%p" a FIFO.
func pack(t testing.TB, words string) blob {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, word := range strings.Fields(words) {
		h, body := header(word)
		require.NoError(t, w.WriteHeader(&h))
		_, err := io.WriteString(w, body)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func header(word string) (tar.Header, string) {
	h := tar.Header{Name: word, Mode: 0o644, ModTime: time.Unix(1e9, 0), Format: tar.FormatPAX}
	i := strings.IndexAny(word, "=><%")
	if i < 0 {
		if strings.HasSuffix(word, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o700
		}
		return h, ""
	}
	name, rest := word[:i], word[i+1:]
	h.Name = name
	switch word[i] {
	case '=':
		h.Size = int64(len(rest))
		return h, rest
	case '>':
		h.Typeflag, h.Linkname = tar.TypeSymlink, rest
	case '<':
		h.Typeflag, h.Linkname = tar.TypeLink, rest
	case '%':
		h.Typeflag = map[string]byte{"c": tar.TypeChar, "b": tar.TypeBlock, "p": tar.TypeFifo}[rest]
		h.Devmajor, h.Devminor = 1, 3
	}
	return h, ""
}

// read returns all entries of a layer and the content of its files.
func read(b content.Blob) (entries []layer.Entry, bodies map[int]string, err error) {
	r, err := layer.Open(context.Background(), b, layer.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	bodies = map[int]string{}
	for {
		e, err := r.Next()
		if err == io.EOF {
			return entries, bodies, nil
		}
		if err != nil {
			return entries, bodies, err
		}
		entries = append(entries, e)
		if e.Type == layer.File && e.Size < 1<<20 {
			body, err := io.ReadAll(r)
			if err != nil {
				return entries, bodies, err
			}
			bodies[e.Index] = string(body)
		}
	}
}

func keepOn() error { return nil }

// merge applies layers and shows the result in pack's notation, with content; implicit directories end in "//".
func merge(t testing.TB, layers ...string) (words string, v *layer.View, broken []layer.Broken) {
	t.Helper()
	v = layer.NewView()
	var bodies []map[int]string
	for _, l := range layers {
		entries, body, err := read(pack(t, l))
		require.NoError(t, err)
		bodies = append(bodies, body)
		for _, e := range entries {
			require.NoError(t, v.Add(e))
		}
		b, err := v.EndLayer(keepOn)
		require.NoError(t, err)
		broken = append(broken, b...)
	}
	return show(v, bodies), v, broken
}

func show(v *layer.View, bodies []map[int]string) string {
	var out []string
	_ = v.Walk(func() error { return nil }, func(n layer.Name) bool {
		i := n.Inode
		w := strings.TrimPrefix(n.Path, "/")
		switch {
		case n.First != "":
			w += "<" + n.First[1:]
		case i.Type == layer.File:
			w += "=" + bodies[i.Layer][int(i.Index)]
		case i.Type == layer.Dir && i.Index < 0:
			w += "//"
		case i.Type == layer.Dir:
			w += "/"
		case i.Type == layer.Symlink:
			w += ">" + i.Link
		default:
			w += fmt.Sprintf("%%%s", i.Type)
		}
		out = append(out, w)
		return true
	})
	return strings.Join(out, " ")
}
