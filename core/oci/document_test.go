package oci_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

var (
	sum   = "sha256:" + strings.Repeat("ab", 32)
	child = fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":2}`, v1.MediaTypeImageManifest, sum)
)

func TestNewDocument(t *testing.T) {
	for _, c := range []struct {
		raw, hint, want string
		kind            errs.Kind
		says            string
	}{
		{`{"mediaType":"` + oci.DockerManifest + `"}`, "", oci.DockerManifest, "", ""},
		{`{"mediaType":"` + oci.DockerManifest + `"}`, "application/json; charset=utf-8", oci.DockerManifest, "", ""},
		{`{"mediaType":"` + oci.DockerManifest + `"}`, strings.ToUpper(oci.DockerManifest) + " ;x", oci.DockerManifest, "", ""},
		{`{"mediaType":"` + oci.DockerManifest + `"}`, v1.MediaTypeImageManifest, "", errs.Verification, "announced as"},
		{`{"mediaType":"example/other"}`, v1.MediaTypeImageManifest, "example/other", "", ""},
		{`{}`, v1.MediaTypeImageIndex, v1.MediaTypeImageIndex, "", ""},
		{`{}`, "text/plain", v1.MediaTypeImageManifest, "", ""},
		{`{"manifests":[]}`, "", v1.MediaTypeImageIndex, "", ""},
		{`{"manifests":null,"layers":[]}`, "", v1.MediaTypeImageManifest, "", ""},
		{`{"manifests":[],"layers":[]}`, "", "", errs.Verification, "an index and as a manifest"},
		{`{"manifests":[],"config":{}}`, v1.MediaTypeImageIndex, "", errs.Verification, "an index and as a manifest"},
		{`{"Manifests":[],"layers":[],"mediaType":"` + v1.MediaTypeImageManifest + `"}`, "", "", errs.Verification, `has the member "Manifests"`},
		{`{"layers":[],"Layers":[]}`, "", "", errs.Verification, `has the member "Layers"`},
		{`{"MEDIATYPE":"` + v1.MediaTypeImageIndex + `"}`, "", "", errs.Verification, `has the member "MEDIATYPE"`},
		{`{"layers":[],"config":{}}`, v1.MediaTypeImageIndex, "", errs.Verification, "has the fields of something else"},
		{`{"config":{},"mediaType":"` + oci.DockerManifestList + `"}`, "", "", errs.Verification, "has the fields of something else"},
		{`{"manifests":[]}`, oci.DockerManifest, "", errs.Verification, "has the fields of something else"},
		{`{"manifests":null,"layers":[]}`, oci.DockerManifest, oci.DockerManifest, "", ""},
		{`{"mediaType":null}`, "", v1.MediaTypeImageManifest, "", ""},
		{`{"mediaType":7}`, "", "", errs.Input, "is not a manifest"},
		{`{"schemaVersion":1,"fsLayers":[]}`, "", "", errs.Unsupported, "schema 1"},
		{`{"fsLayers":[{"blobSum":"` + sum + `"}]}`, "", "", errs.Unsupported, "schema 1"},
		{`{"mediaType":"` + oci.DockerSchema1Sig + `"}`, "", "", errs.Unsupported, "schema 1"},
		{``, "", "", errs.Input, "it is empty"},
		{" <html>", "", "", errs.Input, "it is HTML or XML"},
		{`[]`, "", "", errs.Input, "is not a manifest"},
		{`{"schemaVersion":"x"}`, "", "", errs.Input, "is not a manifest"},
		{`{} {}`, "", "", errs.Input, "is not a manifest"},
	} {
		d, err := oci.NewDocument([]byte(c.raw), c.hint, "subject")
		require.Equal(t, c.kind, errs.Of(err), "%s: %v", c.raw, err)
		if err != nil {
			require.ErrorContains(t, err, "subject: ")
			require.ErrorContains(t, err, c.says)
			continue
		}
		require.Equal(t, c.want, d.MediaType, c.raw)
		require.Equal(t, c.raw, string(d.Raw))
	}
}

func TestDocumentsAreValidated(t *testing.T) {
	manifest := func(s string) error {
		_, err := oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: []byte(s)}.Manifest()
		return err
	}
	index := func(s string) error {
		_, err := oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: []byte(s)}.Index()
		return err
	}
	require.NoError(t, manifest(`{"config":`+child+`,"layers":[`+child+`]}`))
	require.NoError(t, manifest(`{}`), "an artifact of the drafts has no config")
	require.NoError(t, index(`{"manifests":[`+child+`]}`))
	for s, says := range map[string]string{
		`{"layers":[{"digest":"sha256:../../x","size":1}]}`:             "layer 0",
		`{"layers":[` + child + `,{"digest":"` + sum + `","size":-1}]}`: "layer 1",
		`{"layers":[{}]}`:            "layer 0",
		`{"config":{"digest":"x"}}`:  "config",
		`{"layers":{}}`:              "manifest: ",
		`{"layers":[{"size":1e30}]}`: "manifest: ",
		`{"layers":[{"size":"1"}]}`:  "manifest: ",
	} {
		err := manifest(s)
		require.Equal(t, errs.Input, errs.Of(err), s)
		require.ErrorContains(t, err, says, s)
		require.ErrorContains(t, err, "sha256:", "the document is named")
	}
	require.Equal(t, errs.Input, errs.Of(index(`{"manifests":[{"digest":"sha256:..","size":1}]}`)))
	_, err := oci.Document{MediaType: v1.MediaTypeImageIndex, Raw: []byte("{}")}.Manifest()
	require.Equal(t, errs.Input, errs.Of(err))
	_, err = oci.Document{MediaType: v1.MediaTypeImageManifest, Raw: []byte("{}")}.Index()
	require.Equal(t, errs.Input, errs.Of(err))
}

// TestManyValuesInLittle: 4 MiB of empty objects are not turned into 400 MiB of descriptors.
func TestManyValuesInLittle(t *testing.T) {
	raw := append(append([]byte(`{"layers":[`), bytes.Repeat([]byte(`{},`), 1<<20)...), `{}]}`...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := oci.Document{Raw: raw}.Manifest()
	runtime.ReadMemStats(&after)
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "more than 262144 values")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))

	var s struct{ S string }
	text, err := json.Marshal(map[string]string{"s": strings.Repeat(`",{[\`, 1<<18)})
	require.NoError(t, err)
	require.NoError(t, oci.Unmarshal(text, &s), "what stands in a string is no value")
	require.Len(t, s.S, 5<<18)
}

// TestManyMembers: an object's members are not each compared with every other.
func TestManyMembers(t *testing.T) {
	var b bytes.Buffer
	for i := range 250_000 {
		fmt.Fprintf(&b, `,"%d":0`, i)
	}
	o, err := oci.ParseObject([]byte("{"+b.String()[1:]+"}"), "s")
	require.NoError(t, err)
	require.Equal(t, "0", string(o.Get("249999")))
	_, err = oci.ParseObject([]byte("{"+b.String()[1:]+`,"7":1}`), "s")
	require.ErrorContains(t, err, `has the member "7" twice`)
	_, err = oci.ParseObject([]byte("{"+strings.Repeat(`"a":0,`, 300_000)+`"b":0}`), "s")
	require.Equal(t, errs.Input, errs.Of(err))
	require.ErrorContains(t, err, "more than 262144 values")
}

// TestObjectIsWhole: what is cut off, or has something behind it, is not taken for less than it is.
func TestObjectIsWhole(t *testing.T) {
	for s, says := range map[string]string{
		`{"a":1`: "has no end", `{`: "has no end", `{"a":1]`: "has no end", `{} x`: "follows", `{}{}`: "follows", `{"a":1,}`: "s: ", `[]`: "is not a JSON object",
	} {
		_, err := oci.ParseObject([]byte(s), "s")
		require.Equal(t, errs.Input, errs.Of(err), s)
		require.ErrorContains(t, err, says, s)
	}
	o, err := oci.ParseObject([]byte(" {\"a\": [1] } \n"), "s")
	require.NoError(t, err)
	require.Equal(t, "[1]", string(o.Get("a")))
}

func TestReadLimited(t *testing.T) {
	b, err := oci.ReadLimited(strings.NewReader("12345"), 5, "s")
	require.NoError(t, err)
	require.Equal(t, "12345", string(b))
	_, err = oci.ReadLimited(strings.NewReader("123456"), 5, "s")
	require.Equal(t, errs.Input, errs.Of(err))
	require.EqualError(t, err, "s: is larger than the 5 bytes allowed here")
}

// FuzzDocument: every document decodes or fails with a kind, and what decodes has digests that may become paths.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageManifest + `","config":` + child + `,"layers":[` + child + `]}`,
		`{"manifests":[` + child + `]}`, `{"schemaVersion":1}`, `{"layers":null}`, "<html>", "\ufeff{}", `{"layers":[{"size":-1}]}`,
		`{"annotations":{"a":"b"},"subject":` + child + `}`,
	} {
		f.Add([]byte(s), v1.MediaTypeImageManifest)
		f.Add([]byte(s), "")
	}
	f.Fuzz(func(t *testing.T, raw []byte, hint string) {
		d, err := oci.NewDocument(raw, hint, "subject")
		if err != nil {
			require.NotEqual(t, errs.Internal, errs.Of(err))
			return
		}
		require.Equal(t, raw, d.Raw)
		m, err := d.Manifest()
		x, err2 := d.Index()
		require.False(t, err == nil && err2 == nil, "read as two things")
		for _, e := range []error{err, err2} {
			require.NotEqual(t, errs.Internal, errs.Of(e))
		}
		list := m.Layers
		if err != nil {
			list = nil
		}
		if err2 == nil {
			list = x.Manifests
		}
		for _, c := range list {
			require.NoError(t, oci.CheckDescriptor(c))
			require.NotContains(t, c.Digest.Encoded(), "/")
		}
	})
}

// FuzzDigest: what is accepted is one path component for the algorithm and one for the hex, of the right length.
func FuzzDigest(f *testing.F) {
	for _, s := range []string{sum, "sha512:" + strings.Repeat("0", 128), "sha384:" + strings.Repeat("f", 96), "sha256:" + strings.Repeat("AB", 32), "sha256:../../x", "md5:d41d8cd98f00b204e9800998ecf8427e", ":", "sha256+b:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("ab", 31) + "a/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := oci.CheckDigest(s); err != nil {
			require.Equal(t, errs.Input, errs.Of(err))
			return
		}
		algorithm, hex, _ := strings.Cut(s, ":")
		require.Len(t, hex, map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm])
		require.Empty(t, strings.Trim(hex, "0123456789abcdef"))
	})
}
