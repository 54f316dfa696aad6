package host_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/host"
)

// files lists the files of a folder with their times.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		out[p] = info.ModTime().String()
		return err
	}))
	return out
}

// TestCacheDir: what one program compiled the next one finds, and a cache that is broken is no reason to fail.
func TestCacheDir(t *testing.T) {
	compile := func(dir string) {
		h, err := host.New(t.Context(), module{}.wasm(), host.Options{CacheDir: dir})
		require.NoError(t, err)
		require.NoError(t, h.Close(t.Context()))
	}
	cache := filepath.Join(t.TempDir(), "made", "here")
	compile(cache)
	first := files(t, cache)
	require.NotEmpty(t, first)
	compile(cache)
	require.Equal(t, first, files(t, cache), "nothing was compiled again")

	for name := range first {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(name, info.Size()/2))
	}
	compile(cache)

	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	compile(filepath.Join(blocked, "below"))
}

// TestCancelWhileWaiting: a request that never answers ends with the call.
func TestCancelWhileWaiting(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	seen := make(chan error, 1)
	h := start(t, host.Options{Fetcher: fetch(func(fetching context.Context, _ *fetchshim.Request) (*fetchshim.Response, error) {
		cancel(errors.New("the user pressed a key"))
		<-fetching.Done()
		seen <- fetching.Err()
		return nil, &fetchshim.Fault{Kind: fetchshim.Cancelled, Err: fetching.Err()}
	})})
	_, err := h.Call(ctx, "digest", []byte(`{"ref":"registry.example/app"}`), host.Sinks{})
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "cancelled", e.Kind)
	require.ErrorIs(t, <-seen, context.Canceled, "the request was broken off")
	_, e = ask(t, h, "version", "")
	require.Nil(t, e, "the next call is not concerned")
}

// TestCancelInTheMiddle: a call that is busy ends, and its body is closed.
func TestCancelInTheMiddle(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := registry(t)
	open := map[string]bool{}
	h := start(t, host.Options{Fetcher: fetch(func(fetching context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		resp, err := server.Fetch(fetching, req)
		if err == nil {
			open[req.URL] = true
			resp.Body = closing{resp.Body, func() { delete(open, req.URL) }}
		}
		return resp, err
	})})
	wrote := 0
	_, err := h.Call(ctx, "cat", []byte(`{"ref":"registry.example/app:amd64","path":"/bin/busybox"}`), host.Sinks{
		Output: func(string) (io.WriteCloser, error) {
			return writerFunc(func(b []byte) (int, error) { wrote += len(b); cancel(); return len(b), nil }), nil
		},
	})
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "cancelled", e.Kind)
	require.Less(t, wrote, 1<<20, "of two megabytes")
	require.Empty(t, open, "every body is closed when Call returns")
}

type closing struct {
	io.ReadCloser
	closed func()
}

func (c closing) Close() error { c.closed(); return c.ReadCloser.Close() }

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, hard := range []bool{false, true} {
		_, e := call(ctx, t, module{}, host.Options{HardKill: hard}, host.Sinks{})
		require.NotNil(t, e)
		require.Equal(t, "cancelled", e.Kind)
	}
}

func TestMemoryLimit(t *testing.T) {
	wasm, err := os.ReadFile("stevedore.wasm")
	require.NoError(t, err)
	_, err = host.New(t.Context(), wasm, host.Options{MemoryLimit: 4 << 20})
	require.ErrorContains(t, err, "memory", "not enough for the module itself")
	_, err = host.New(t.Context(), wasm, host.Options{MemoryLimit: -1})
	require.ErrorContains(t, err, "negative")
	ample := start(t, host.Options{MemoryLimit: 64 << 30}) // more than a module can have
	_, e := ask(t, ample, "version", "")
	require.Nil(t, e)

	const limit = int64(16 << 20)
	h := start(t, host.Options{MemoryLimit: limit, Dirs: map[string]string{"/": "."}})
	var memory int64
	stats := host.Sinks{Stats: func(s host.Stats) { memory = s.Memory }, Item: func([]byte) error { return nil }}
	_, err = h.Call(t.Context(), "files", []byte(`{"ref":"oci:harbor:amd64"}`), stats)
	require.NoError(t, err)
	require.LessOrEqual(t, memory, limit)

	// A request of a megabyte of globs does not fit, and ends the call and nothing else.
	globs := strings.TrimSuffix(strings.Repeat(`"/a/b/*/c?/[a-z]/**",`, 1<<20/22), ",")
	_, err = h.Call(t.Context(), "files", []byte(`{"ref":"oci:harbor:amd64","globs":[`+globs+`]}`), stats)
	require.LessOrEqual(t, memory, limit)
	var died *host.Error
	require.ErrorAs(t, err, &died)
	require.Equal(t, "internal", died.Kind)
	require.Regexp(t, "out of memory|cannot allocate memory", died.Message) // which one depends on what does not fit
	require.NotContains(t, died.Message, "\n")
	_, e = ask(t, h, "version", "")
	require.Nil(t, e)
}

// TestStats: the peak of memory and the number of steps are told.
func TestStats(t *testing.T) {
	var got host.Stats
	_, err := start(t, host.Options{}).Call(t.Context(), "version", nil, host.Sinks{Stats: func(s host.Stats) { got = s }})
	require.NoError(t, err)
	require.Positive(t, got.Memory)
	require.Positive(t, got.Steps)
	require.Positive(t, got.Longest)
}

// TestCloseEndsCalls: a call that waits fails when its host is closed.
func TestCloseEndsCalls(t *testing.T) {
	wasm, err := os.ReadFile("stevedore.wasm")
	require.NoError(t, err)
	waiting := make(chan struct{})
	h, err := host.New(t.Context(), wasm, host.Options{CacheDir: "cache", Fetcher: fetch(func(ctx context.Context, _ *fetchshim.Request) (*fetchshim.Response, error) {
		close(waiting)
		<-ctx.Done()
		return nil, &fetchshim.Fault{Kind: fetchshim.Cancelled, Err: ctx.Err()}
	})})
	require.NoError(t, err)
	failed := make(chan error)
	go func() {
		_, err := h.Call(t.Context(), "digest", []byte(`{"ref":"registry.example/app"}`), host.Sinks{})
		failed <- err
	}()
	<-waiting
	require.NoError(t, h.Close(t.Context()))
	require.ErrorContains(t, <-failed, "closed")
	_, err = h.Call(t.Context(), "version", nil, host.Sinks{})
	require.Error(t, err)
	require.NoError(t, h.Close(t.Context()), "closing twice is no error")
}
