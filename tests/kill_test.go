package tests

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim/nethttp"
	"github.com/stevedore-oci/stevedore/transport/mem"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// meteredRegistry serves an image and remembers which blobs are asked for, and from where.
type meteredRegistry struct {
	host string

	mu   sync.Mutex
	gets map[string][]string // digest to Range headers
}

func (m *meteredRegistry) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets = map[string][]string{}
}

func (m *meteredRegistry) asked(d string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gets[d]
}

func serveImage(t *testing.T, src content.Source) *meteredRegistry {
	t.Helper()
	m := &meteredRegistry{gets: map[string][]string{}}
	h := nethttp.Handler(serve.New(serve.Options{Source: src}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, d, ok := strings.Cut(r.URL.Path, "/blobs/"); ok && r.Method == http.MethodGet {
			m.mu.Lock()
			m.gets[d] = append(m.gets[d], r.Header.Get("Range"))
			m.mu.Unlock()
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	m.host = strings.TrimPrefix(srv.URL, "http://")
	return m
}

// noisyImage has layers that no compressor makes smaller, several megabytes in all.
func noisyImage(t *testing.T) *mem.Repository {
	t.Helper()
	r := mem.New()
	s := r.Sink()
	m := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	put := func(mediaType string, b []byte) v1.Descriptor {
		c := contenttest.NewContent(mediaType, b)
		_, err := s.PutBlob(t.Context(), c.Blob())
		require.NoError(t, err)
		return c.Descriptor
	}
	m.Config = put(v1.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`))
	for i := range 6 {
		rnd := rand.New(rand.NewPCG(7, uint64(i)))
		b := make([]byte, 600_000+i*100_000)
		for k := range b {
			b[k] = byte(rnd.Uint32())
		}
		m.Layers = append(m.Layers, put("application/octet-stream", b))
	}
	require.NoError(t, s.PutManifest(t.Context(), "v1", oci.Document{MediaType: m.MediaType, Raw: encode(t, m)}))
	require.NoError(t, s.Commit(t.Context()))
	return r
}

// TestKill ends copies into one layout with SIGKILL at any moment. A tag that can be read is whole each time, and the run that
// is left alone fetches nothing again that was finished, and goes on with what was not.
func TestKill(t *testing.T) {
	kills := 12
	if os.Getenv("STEVEDORE_SOAK") != "" {
		kills = 200
	}
	bin := artifact(t, "stevedore")
	src := noisyImage(t)
	reg := serveImage(t, src)
	rnd := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	resumed, late := 0, 0
	for killed := 0; killed < kills; {
		require.Less(t, late, kills, "most copies were over before they were killed")
		dst := filepath.Join(dir, fmt.Sprint(killed/4)) // four kills for each layout
		if !runAndKill(t, time.Duration(100+rnd.IntN(600))*time.Millisecond, bin, "copy", "--quiet", "--max-rate", "1500000", reg.host+"/app:v1", "oci:"+dst+":v1") {
			late++
			continue
		}
		killed++
		readableIsWhole(t, "oci:"+dst+":v1")
		if killed%4 == 0 || killed == kills {
			resumed += finish(t, bin, reg, dst)
		}
	}
	t.Logf("%d kills, %d copies were faster; %d blobs were gone on with", kills, late, resumed)
	require.Positive(t, resumed)
}

// TestProcessesAtOnce has several processes write into one layout, and others delete from it what all of them share.
func TestProcessesAtOnce(t *testing.T) {
	bin, l := artifact(t, "stevedore"), "oci:"+filepath.Join(t.TempDir(), "l")
	from := "oci:" + absolute(t, harbor) + ":"
	mustRun(t, bin, "copy", from+"latest", l+":old")
	var wg sync.WaitGroup
	start := func(args ...string) {
		wg.Go(func() {
			out, err := exec.CommandContext(t.Context(), bin, args...).CombinedOutput()
			if err != nil && !strings.Contains(string(out), "hint: run the copy again") { // the delete took what it had found
				t.Errorf("%v: %v: %s", args, err, out)
			}
		})
	}
	tags := []string{"a", "b", "c", "d"}
	for _, tag := range tags {
		start("copy", from+"latest", l+":"+tag)
		start("copy", from+"amd64", l+":amd64-"+tag)
	}
	start("delete", l+":old")
	wg.Wait()
	for _, tag := range strings.Fields(mustRun(t, bin, "tags", l)) {
		mustRun(t, bin, "validate", l+":"+tag)
	}
	for _, tag := range tags {
		mustRun(t, bin, "copy", from+"latest", l+":"+tag)
		mustRun(t, bin, "validate", l+":"+tag)
	}
}

// runAndKill says whether the program was still running when it was killed.
func runAndKill(t *testing.T, after time.Duration, name string, args ...string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		require.Equal(t, -1, exit.ExitCode(), "it ended by the signal and not by itself")
	}
	return err != nil
}

// readableIsWhole reads all of an image when its tag is there.
func readableIsWhole(t *testing.T, typed string) {
	t.Helper()
	bin := artifact(t, "stevedore")
	if err := exec.CommandContext(t.Context(), bin, "digest", typed).Run(); err != nil {
		return // no tag yet
	}
	out, err := exec.CommandContext(t.Context(), bin, "validate", typed).CombinedOutput()
	require.NoError(t, err, string(out))
}

// finish lets a copy run to its end and counts the blobs that it went on with.
func finish(t *testing.T, bin string, reg *meteredRegistry, dst string) (resumed int) {
	t.Helper()
	done, err := filepath.Glob(filepath.Join(dst, "blobs/sha256/*"))
	require.NoError(t, err)
	reg.forget()
	out, err := exec.CommandContext(t.Context(), bin, "copy", "--quiet", reg.host+"/app:v1", "oci:"+dst+":v1").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, name := range done {
		require.Empty(t, reg.asked("sha256:"+filepath.Base(name)), "a finished blob is not fetched again")
	}
	reg.mu.Lock()
	for _, ranges := range reg.gets {
		if ranges[0] != "" {
			resumed++
		}
	}
	reg.mu.Unlock()
	readableIsWhole(t, "oci:"+dst+":v1")
	entries, err := os.ReadDir(dst)
	require.NoError(t, err)
	require.Len(t, entries, 3, "blobs, index.json, oci-layout, and nothing of those that were killed")
	return resumed
}
