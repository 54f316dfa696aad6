package tests

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/host"
	"github.com/stevedore-oci/stevedore/transport/registry/depot"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// theirs stands in results for the registry that a front end writes to: each has one of its own.
const theirs = "registry.test"

// copyCases is the table of what writes, in order: a case finds what those before it left. reg is read-only and serves the
// bundled layout, dst is empty.
func copyCases(reg, dst string) []parityCase {
	to := func(src string, dst ...string) map[string]any {
		return map[string]any{"source": src, "destinations": dst}
	}
	in := func(name, value string) map[string]any { return map[string]any{name: value} }
	with := func(m map[string]any, name string, value any) map[string]any { m[name] = value; return m }
	job := func(source, destination string, include ...string) map[string]any {
		return map[string]any{"source": source, "destination": destination, "tags": map[string]any{"include": include}}
	}
	sync := func(jobs ...map[string]any) map[string]any { return map[string]any{"jobs": jobs} }
	harbor, app := reg+"/harbor", dst+"/app"
	cases := []parityCase{
		{"plan a copy", "copy", with(to(harbor+":latest", app+":latest"), "dryRun", true), false},
		{"copy", "copy", to(harbor+":latest", app+":latest", app+":1"), false},
		{"copy again", "copy", to(harbor+":latest", app+":latest"), false},
		{"copy inside", "copy", to(app+":latest", dst+"/twin:latest"), false},
		{"copy a platform", "copy", with(to(harbor+":latest", dst+"/arm:1"), "platforms", []string{"linux/arm64"}), false},
		{"copy in Docker's format", "copy", with(to(harbor+":amd64", dst+"/docker:1"), "format", "docker"), false},
		{"copy compressed anew", "copy", with(to(harbor+":amd64", dst+"/zstd:1"), "compress", "zstd"), false},
		{"copy an oci archive", "copy", to("oci-archive:harbor.oci.tar:amd64", dst+"/archive:amd64"), false},
		{"copy a docker archive", "copy", to("docker-archive:harbor.docker.tar.gz", dst+"/saved:1"), false},
		{"copy a folder", "copy", to("oci:harbor:arm64", dst+"/folder:arm64"), false},
		{"copy what takes several requests", "copy", to("docker-archive:large.docker.tar", dst+"/large:1"), false},
		{"download", "copy", to(app+":latest", "oci-archive:-:app:1"), true},
		{"download to load", "copy", with(to(app+":1", "docker-archive:-:app:1"), "platforms", []string{"linux/arm64"}), true},
		{"bundle", "bundle", map[string]any{"archive": "-", "refs": []string{harbor + ":latest", harbor + ":amd64"}}, true},
		{"load", "load", map[string]any{"archive": "harbor.bundle.tar", "to": dst + "/loaded"}, false},
		{"validate", "validate", in("ref", app+":1"), false},
		{"plan a sync", "sync", with(sync(job(harbor, app, "*")), "dryRun", true), false},
		{"sync", "sync", sync(job(harbor, app, "latest", "amd64")), false},
		{"sync again", "sync", sync(job(harbor, app, "*64")), false},
		{"error: sync of what is not there", "sync", sync(job(harbor, app, "latest"), map[string]any{"source": harbor + ":nope", "destination": app + ":nope"}), false},
		{"tag", "tag", map[string]any{"ref": app + ":latest", "tags": []string{"stable", "2"}}, false},
		{"tags", "tags", in("ref", app), false},
		{"delete a tag", "delete", in("ref", app+":2"), false},
		{"error: a deleted tag", "manifest-head", in("ref", app+":2"), false},
		{"catalog", "catalog", in("registry", dst), false},
		{"manifest-get", "manifest-get", in("ref", app+":stable"), true},
		{"manifest-head", "manifest-head", in("ref", app+":stable"), false},
		{"blob-put", "blob-put", map[string]any{"ref": dst + "/files", "file": "harbor.docker.tar"}, false},
		{"error: to a registry that is only read", "copy", to("oci:harbor:amd64", reg+"/new:1"), false},
		{"error: no such platform", "copy", with(to(harbor+":latest", app+":no"), "platforms", []string{"linux/s390x"}), false},
	}
	for i, c := range cases {
		cases[i].Name = "registry: " + c.Name
	}
	return append(cases,
		parityCase{"error: a cut archive", "copy", to("oci-archive:cut.oci.tar:amd64", "oci-archive:-"), true},
		parityCase{"folder: copy to a layout", "copy", to("oci:harbor:latest", "oci:out:latest"), false},
		parityCase{"folder: copy to an archive", "copy", to("oci:harbor:amd64", "oci-archive:out.tar:amd64"), false},
		parityCase{"folder: delete from a layout", "delete", map[string]any{"ref": "oci:harbor:arm64"}, false},
	)
}

// TestParityOfCopies has every front end copy into a registry and a folder of its own.
func TestParityOfCopies(t *testing.T) {
	t.Parallel()
	reg := open(t, serve.New(serve.Options{Source: layoutOf(t, harbor)}))
	files := copyFiles(t, reg)
	want, left := copies(t, library(), reg, files)
	for i, c := range copyCases(reg, theirs) {
		require.Equal(t, strings.Contains(c.Name, "error: "), want[i].Kind != "", "%s: %+v", c.Name, want[i])
	}
	ends := append(frontEnds(t), reactorUploads(t, fetchshim.UploadSized), reactorUploads(t, fetchshim.UploadBlob))
	cases := copyCases(reg, theirs)
	row, cells := map[string]int{}, make([][]string, len(cases))
	for i, c := range cases {
		row[c.Name] = i
	}
	for _, e := range ends {
		start := time.Now()
		got, registry := copies(t, e, reg, files)
		t.Logf("%s: %.1f s", e.name, time.Since(start).Seconds())
		ran := cases
		if e.offline {
			ran = firstOfVerbs(cases)
		}
		for i := range cells {
			cells[i] = append(cells[i], "")
		}
		for i, c := range ran {
			r := row[c.Name]
			cells[r][len(cells[r])-1] = compareCopy(t, e, c, want[r], got[i])
		}
		if !e.offline {
			require.Equal(t, left, registry, "%s: what is in its registry", e.name)
		}
	}
	t.Log("\n" + grid(ends, cases, cells))
}

// firstOfVerbs leaves out registry cases that a front end without a network would refuse for the same reason as one before.
func firstOfVerbs(cases []parityCase) []parityCase {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(cases), func(c parityCase) bool {
		again := c.registry() && seen[c.Verb]
		seen[c.Verb] = true
		return again
	})
}

// compareCopy knows which front ends cannot write to a folder.
func compareCopy(t *testing.T, e frontEnd, c parityCase, want, got result) string {
	t.Helper()
	if strings.HasPrefix(c.Name, "folder: ") && e.noFolder {
		want = result{Kind: "unsupported"}
	}
	return compare(t, e, c, want, got)
}

// copyFiles makes what the table reads besides the fixture, once for all front ends.
func copyFiles(t *testing.T, reg string) map[string][]byte {
	t.Helper()
	bundle := library().run(t, t.TempDir(), []parityCase{{"", "bundle", map[string]any{"archive": "-", "refs": []string{reg + "/harbor:latest"}}, true}})
	require.NotEmpty(t, bundle[0].Bytes, bundle[0].Kind)
	return map[string][]byte{"large.docker.tar": largeSave(t), "harbor.bundle.tar": []byte(bundle[0].Bytes)}
}

// copies runs the table on a front end, and tells what is in its registry then.
func copies(t *testing.T, e frontEnd, reg string, files map[string][]byte) ([]result, map[string]string) {
	t.Helper()
	d, dst := writable(t)
	dir := fixture(t)
	for name, b := range files {
		write(t, filepath.Join(dir, name), b)
	}
	cases := copyCases(reg, dst)
	for _, c := range cases {
		if jobs, ok := c.Request["jobs"]; ok {
			write(t, filepath.Join(dir, jobsFile(t, jobs)), encode(t, jobs))
		}
	}
	if e.offline {
		cases = firstOfVerbs(cases)
	}
	got := e.run(t, dir, cases)
	require.Len(t, got, len(cases), e.name)
	for i, c := range cases {
		got[i].JSON = strings.ReplaceAll(got[i].JSON, dst, theirs)
		if c.Verb == "sync" {
			got[i].JSON = sorted(t, got[i].JSON)
		}
	}
	if !e.offline {
		readElsewhere(t, dst)
	}
	return got, contents(t, d)
}

// jobsFile names the file that tells jobs to a command line.
func jobsFile(t *testing.T, jobs any) string {
	t.Helper()
	return digest.FromBytes(encode(t, jobs)).Encoded()[:12] + ".json"
}

// sorted puts the items of a sync in an order: images are done as they come.
func sorted(t *testing.T, list string) string {
	t.Helper()
	if list == "" {
		return ""
	}
	var items []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(list), &items))
	slices.SortFunc(items, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	return string(encode(t, items))
}

// writable serves an empty registry on a loopback port.
func writable(t *testing.T) (*depot.Depot, string) {
	t.Helper()
	d := depot.Memory()
	return d, open(t, serve.New(d.Serve()))
}

// open serves a registry to which the pages of any origin may write, as far as it is to be written.
func open(t *testing.T, registry fetchshim.Fetcher) string {
	t.Helper()
	h := nethttp.Handler(registry)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Origin")
		if r.Method == http.MethodOptions {
			w = allowing{w}
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// allowing lets pages send any method.
type allowing struct{ http.ResponseWriter }

func (w allowing) WriteHeader(status int) {
	w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, PUT, DELETE")
	w.ResponseWriter.WriteHeader(status)
}

// contents are the tags of all repositories, and what they name.
func contents(t *testing.T, d *depot.Depot) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, err := range d.Repositories(t.Context(), "") {
		require.NoError(t, err)
		src, err := d.Open(t.Context(), name)
		require.NoError(t, err)
		tags, ok := content.As[content.TagLister](src)
		require.True(t, ok)
		for tag, err := range tags.Tags(t.Context(), "") {
			require.NoError(t, err)
			doc, err := src.Manifest(t.Context(), tag)
			require.NoError(t, err)
			out[name+":"+tag] = doc.Digest().String()
		}
		require.NoError(t, src.Close())
	}
	return out
}

// readElsewhere has another tool read what was written, every blob of it.
func readElsewhere(t *testing.T, dst string) {
	t.Helper()
	crane := tool(t, "crane")
	for _, image := range []string{"/app:1", "/twin:latest", "/docker:1", "/large:1", "/loaded/harbor:latest"} {
		output(t, ".", crane, "pull", "--insecure", "--format=oci", dst+image, t.TempDir())
	}
	require.Equal(t, layoutTag(t, "latest").Digest.String(), output(t, ".", crane, "digest", "--insecure", dst+"/app:stable")[0])
}

// largeLayer is more than one request carries where a host cannot stream.
const largeLayer = 17 << 20 // bytes

// largeSave makes a docker archive with one large layer that does not compress.
func largeSave(t *testing.T) []byte {
	t.Helper()
	var layer, b bytes.Buffer
	w := tar.NewWriter(&layer)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "noise", Mode: 0o644, Size: largeLayer}))
	_, err := io.CopyN(w, rand.NewChaCha8([32]byte{}), largeLayer)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	config := encode(t, v1.Image{
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer.Bytes())}},
	})
	w = tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"manifest.json", encode(t, []map[string]any{{"Config": "config.json", "RepoTags": []string{"large:1"}, "Layers": []string{"layer.tar"}}})},
		{"config.json", config}, {"layer.tar", layer.Bytes()},
	} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}))
		_, err := w.Write(f.data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// limited is a fetcher that sends bodies in one form only.
type limited struct {
	fetchshim.Fetcher
	form fetchshim.Upload
}

func (l limited) Upload() fetchshim.Upload { return l.form }

// reactorUploads is the reactor in wazero with a host whose uploads are limited, and whose directory is only read.
func reactorUploads(t *testing.T, form fetchshim.Upload) frontEnd {
	e := reactorWazeroWith(t, "stevedore.wasm", func(dir string) host.Options {
		return host.Options{Fetcher: limited{nethttp.New(nethttp.Options{}), form}, Dirs: map[string]string{"/": dir}, CacheDir: compiled}
	})
	e.name, e.noFolder = e.name+", "+string(form), true
	return e
}
