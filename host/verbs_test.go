package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/host"
	"github.com/stevedore-oci/stevedore/transport/fsys/osfs"
	"github.com/stevedore-oci/stevedore/transport/layout"
	"github.com/stevedore-oci/stevedore/transport/registry/serve"
)

// registry is a registry without a socket that serves the bundled image under every name.
func registry(t *testing.T) fetchshim.Fetcher {
	t.Helper()
	root, err := osfs.OpenRoot("harbor")
	require.NoError(t, err)
	src, err := layout.Open(t.Context(), root, "harbor")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	return serve.New(serve.Options{Source: src})
}

// fetch is a Fetcher made of a function.
type fetch func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error)

func (f fetch) Fetch(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
	return f(ctx, req)
}

// ask runs a verb that gives one result.
func ask(t *testing.T, h *host.Host, verb, request string) (map[string]any, *host.Error) {
	t.Helper()
	out, err := h.Call(t.Context(), verb, []byte(request), host.Sinks{})
	if err != nil {
		var e *host.Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Kind)
		require.NotEmpty(t, e.Message)
		return nil, e
	}
	var m map[string]any
	require.NoError(t, json.Unmarshal(out, &m))
	return m, nil
}

const digestOfIndex = "sha256:636e8a770818589993d6cceb07cc478bec502a7e645078f8efd7290e4ad56059"

func TestRegistry(t *testing.T) {
	var urls []string
	server := registry(t)
	h := start(t, host.Options{
		Fetcher: server,
		Allow: func(_, url string) error {
			urls = append(urls, url)
			if strings.HasPrefix(url, "https://registry.example/") {
				return nil
			}
			return errors.New("that host is not on the list")
		},
	})
	out, e := ask(t, h, "digest", `{"ref":"registry.example/team/app:latest"}`)
	require.Nil(t, e)
	require.Equal(t, digestOfIndex, out["digest"])
	require.NotEmpty(t, urls)

	_, e = ask(t, h, "digest", `{"ref":"other.example/team/app:latest"}`)
	require.Equal(t, "denied", e.Kind)
	require.Contains(t, e.Message, "that host is not on the list")

	_, e = ask(t, start(t, host.Options{}), "digest", `{"ref":"registry.example/team/app:latest"}`)
	require.Equal(t, "denied", e.Kind)
	require.Contains(t, e.Message, "this host sends no requests")
}

// TestLargeHead answers with a head that no frame can carry: that is a fault, and no end of the reactor.
func TestLargeHead(t *testing.T) {
	for _, header := range []fetchshim.Header{
		{{Name: "X-Large", Value: strings.Repeat("x", 5<<20)}},
		{{Name: "X-Larger", Value: strings.Repeat("\x01", 5<<20)}},
		slices.Repeat(fetchshim.Header{{Name: "Link", Value: "<a>"}}, 200_000),
	} {
		h := start(t, host.Options{Fetcher: fetch(func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
			return &fetchshim.Response{Status: 404, Header: header, Body: io.NopCloser(strings.NewReader(""))}, nil
		})})
		_, err := ask(t, h, "digest", `{"ref":"registry.example/a:b"}`)
		require.NotNil(t, err)
		require.Equal(t, "unsupported", err.Kind, err.Message)
		require.Contains(t, err.Message, "response: ")
	}
}

func TestPlainHTTPIsForNamedRegistries(t *testing.T) {
	schemes := map[string]string{}
	h := start(t, host.Options{
		PlainHTTP: []string{"plain.example:5000"},
		Fetcher: fetch(func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
			scheme, rest, _ := strings.Cut(req.URL, "://")
			name, _, _ := strings.Cut(rest, "/")
			schemes[name] = scheme
			return &fetchshim.Response{Status: 404, URL: req.URL, Body: io.NopCloser(strings.NewReader(""))}, nil
		}),
	})
	for _, name := range []string{"plain.example:5000", "tls.example", "127.0.0.1:5000"} {
		_, e := ask(t, h, "digest", `{"ref":"`+name+`/app"}`)
		require.Equal(t, "not_found", e.Kind)
	}
	require.Equal(t, map[string]string{"plain.example:5000": "http", "tls.example": "https", "127.0.0.1:5000": "http"}, schemes)
}

func TestPlatformAndWorkDir(t *testing.T) {
	h := start(t, host.Options{Platform: "linux/arm64", Dirs: map[string]string{"/a": t.TempDir(), "/images": "."}, WorkDir: "/images"})
	out, e := ask(t, h, "inspect", `{"ref":"oci:harbor:latest"}`)
	require.Nil(t, e)
	require.Equal(t, "linux/arm64/v8", out["image"].(map[string]any)["platform"])

	h = start(t, host.Options{Dirs: map[string]string{"/a": t.TempDir(), "/images": "."}})
	_, e = ask(t, h, "inspect", `{"ref":"oci:harbor:latest"}`)
	require.Equal(t, "not_found", e.Kind, "relative names start from the first directory")

	_, e = ask(t, start(t, host.Options{Platform: "nonsense"}), "version", `{}`)
	require.Equal(t, "input", e.Kind)
}

func TestDirectoriesAreRooted(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(base, "in", "harbor"), os.DirFS("harbor")))
	require.NoError(t, os.WriteFile(filepath.Join(base, "secret"), []byte("s"), 0o600))
	for link, target := range map[string]string{"up": "../secret", "abs": filepath.Join(base, "secret"), "out": "..", "good": "harbor"} {
		require.NoError(t, os.Symlink(target, filepath.Join(base, "in", link)))
	}
	h := start(t, host.Options{Dirs: map[string]string{"/in": filepath.Join(base, "in")}})
	for _, ref := range []string{"oci:/in/harbor:latest", "oci:/in/good:latest", "oci:/in/../in/harbor:latest"} {
		out, e := ask(t, h, "digest", `{"ref":"`+ref+`"}`)
		require.Nil(t, e, ref)
		require.Equal(t, digestOfIndex, out["digest"])
	}
	for _, name := range []string{"/in/up", "/in/abs", "/in/out/secret", "/in/../secret", "../secret", "/secret", base + "/secret", "/etc/passwd", "/in/../../../../etc/passwd"} {
		out, e := ask(t, h, "digest", fmt.Sprintf(`{"file":%q}`, name))
		require.NotNil(t, e, "%s: %v", name, out)
	}
	_, err := h.Call(t.Context(), "cat", []byte(`{"ref":"oci:/in/harbor:amd64","path":"/etc/passwd","output":"/in/planted"}`), host.Sinks{})
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(base, "in", "planted"))

	h = start(t, host.Options{Dirs: map[string]string{"/in": filepath.Join(base, "nowhere")}})
	_, e := ask(t, h, "version", `{}`)
	require.Equal(t, "input", e.Kind)
	require.Contains(t, e.Message, "nowhere")
}

func TestInputsComeBeforeDirectories(t *testing.T) {
	h := start(t, host.Options{
		Dirs:   map[string]string{"/": "."},
		Inputs: map[string]host.Input{"notes": strings.NewReader("from memory"), "stevedore.wasm": strings.NewReader("from memory")},
	})
	want, e := ask(t, h, "digest", `{"file":"notes"}`)
	require.Nil(t, e)
	require.EqualValues(t, len("from memory"), want["size"])
	shadow, e := ask(t, h, "digest", `{"file":"stevedore.wasm"}`)
	require.Nil(t, e)
	require.Equal(t, want, shadow)
	out, e := ask(t, h, "digest", `{"ref":"oci:harbor:latest"}`)
	require.Nil(t, e)
	require.Equal(t, digestOfIndex, out["digest"])
}

func TestCredentials(t *testing.T) {
	server := registry(t)
	locked := fetch(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		if req.Header.Get("Authorization") == "Basic YW5uOnNlY3JldA==" {
			return server.Fetch(ctx, req)
		}
		var h fetchshim.Header
		h.Add("WWW-Authenticate", `Basic realm="locked"`)
		return &fetchshim.Response{Status: 401, URL: req.URL, Header: h, Body: io.NopCloser(strings.NewReader(""))}, nil
	})
	var asked []string
	answer := func(c host.Credential, err error) func(context.Context, string) (host.Credential, error) {
		return func(_ context.Context, registry string) (host.Credential, error) {
			asked = append(asked, registry)
			return c, err
		}
	}
	request := `{"ref":"registry.example:5443/team/app:latest"}`

	out, e := ask(t, start(t, host.Options{Fetcher: locked, Credential: answer(host.Credential{Username: "ann", Password: "secret"}, nil)}), "inspect", request)
	require.Nil(t, e)
	require.Equal(t, digestOfIndex, out["digest"])
	require.Equal(t, []string{"registry.example:5443"}, asked)

	for name, credential := range map[string]func(context.Context, string) (host.Credential, error){
		"none": nil, "anonymous": answer(host.Credential{}, nil), "wrong": answer(host.Credential{Username: "ann", Password: "guess"}, nil),
	} {
		_, e = ask(t, start(t, host.Options{Fetcher: locked, Credential: credential}), "inspect", request)
		require.Equal(t, "unauthorized", e.Kind, name)
		require.NotContains(t, e.Message+e.Hint, "guess")
	}
	_, e = ask(t, start(t, host.Options{Fetcher: locked, Credential: answer(host.Credential{}, errors.New("the vault is sealed"))}), "inspect", request)
	require.Contains(t, e.Message, "the vault is sealed")
}

// TestItemsEventsAndOutput takes all three streams of a call.
func TestItemsEventsAndOutput(t *testing.T) {
	h := start(t, host.Options{Fetcher: registry(t), Dirs: map[string]string{"/": "."}})
	var paths []string
	var kinds = map[string]int{}
	out, err := h.Call(t.Context(), "files", []byte(`{"ref":"registry.example/app:amd64"}`), host.Sinks{
		Item: func(b []byte) error {
			var item struct{ Path string }
			require.NoError(t, json.Unmarshal(b, &item))
			paths = append(paths, item.Path)
			return nil
		},
		Event: func(b []byte) {
			var event struct{ Kind, Subject string }
			require.NoError(t, json.Unmarshal(b, &event))
			kinds[event.Kind]++
		},
	})
	require.NoError(t, err)
	require.Nil(t, out, "the result of a list verb is its items")
	require.Contains(t, paths, "/etc/passwd")
	require.Equal(t, "/bin", paths[0])
	require.Equal(t, 4, kinds["started"], "%v", kinds)
	require.Equal(t, kinds["started"], kinds["finished"], "%v", kinds)

	var name string
	content := &closer{}
	out, err = h.Call(t.Context(), "cat", []byte(`{"ref":"oci:harbor:amd64","path":"/etc/passwd"}`), host.Sinks{
		Output: func(n string) (io.WriteCloser, error) { name = n; return content, nil },
	})
	require.NoError(t, err)
	require.Empty(t, name)
	require.Contains(t, content.String(), "root:x:0:0")
	require.True(t, content.closed)
	require.Contains(t, string(out), fmt.Sprintf(`"size":%d`, content.Len()))
}

type closer struct {
	bytes.Buffer
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

// TestSinkErrors: an error of the caller's own ends the call and comes back as it is.
func TestSinkErrors(t *testing.T) {
	h := start(t, host.Options{Dirs: map[string]string{"/": "."}})
	own := errors.New("enough")
	items := 0
	_, err := h.Call(t.Context(), "files", []byte(`{"ref":"oci:harbor:amd64"}`), host.Sinks{Item: func([]byte) error { items++; return own }})
	require.Equal(t, own, err)
	require.Equal(t, 1, items)

	cat := []byte(`{"ref":"oci:harbor:amd64","path":"/etc/passwd"}`)
	_, err = h.Call(t.Context(), "cat", cat, host.Sinks{Output: func(string) (io.WriteCloser, error) { return nil, own }})
	require.Equal(t, own, err)
	_, err = h.Call(t.Context(), "cat", cat, host.Sinks{Output: func(string) (io.WriteCloser, error) { return failing{own}, nil }})
	require.Equal(t, own, err)
	_, err = h.Call(t.Context(), "cat", cat, host.Sinks{})
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "unsupported", e.Kind)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (f failing) Close() error              { return nil }

// TestOutputHoldsBack: while the caller takes no more output, the module reads no more of the layer.
func TestOutputHoldsBack(t *testing.T) {
	var served atomic.Int64
	server := registry(t)
	counted := fetch(func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		resp, err := server.Fetch(ctx, req)
		if err == nil && strings.Contains(req.URL, "/blobs/") {
			resp.Body = &counter{resp.Body, &served}
		}
		return resp, err
	})
	h := start(t, host.Options{Fetcher: counted})
	var atFirst, atSecond int64
	w := writerFunc(func(b []byte) (int, error) {
		switch {
		case atFirst == 0:
			atFirst = served.Load()
		case atSecond == 0:
			atSecond = served.Load()
		}
		return len(b), nil
	})
	_, err := h.Call(t.Context(), "cat", []byte(`{"ref":"registry.example/app:amd64","path":"/bin/busybox"}`), host.Sinks{
		Output: func(string) (io.WriteCloser, error) { return w, nil },
	})
	require.NoError(t, err)
	left := served.Load() - atFirst
	require.Greater(t, left, int64(512<<10), "most of the layer was read only after the first output was taken")
	require.LessOrEqual(t, atSecond-atFirst, int64(4*64<<10), "one piece of output costs few pieces of the layer")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
func (f writerFunc) Close() error                { return nil }

type counter struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// TestCallsAtOnce: each call has an instance of its own.
func TestCallsAtOnce(t *testing.T) {
	h := start(t, host.Options{Fetcher: registry(t), Dirs: map[string]string{"/": "."}})
	requests := []struct{ verb, request string }{
		{"digest", `{"ref":"oci:harbor:latest"}`},
		{"inspect", `{"ref":"oci:harbor:latest","platform":"linux/arm64"}`},
		{"inspect", `{"ref":"registry.example/app:amd64"}`},
		{"digest", `{"ref":"registry.example/app:nope"}`},
	}
	want := make([]string, len(requests))
	run := func(i int) string {
		out, err := h.Call(t.Context(), requests[i].verb, []byte(requests[i].request), host.Sinks{})
		return fmt.Sprint(string(out), err)
	}
	for i := range requests {
		want[i] = run(i)
	}
	var group sync.WaitGroup
	for n := range 3 * len(requests) {
		group.Go(func() {
			i := n % len(requests)
			if got := run(i); got != want[i] {
				t.Errorf("%v: got %s, alone %s", requests[i], got, want[i])
			}
		})
	}
	group.Wait()
}

func TestGet(t *testing.T) {
	h := start(t, host.Options{Dirs: map[string]string{"/": "."}})
	type out struct{ Digest string }
	got, err := host.Get[out](t.Context(), h, "digest", map[string]string{"ref": "oci:harbor:latest"})
	require.NoError(t, err)
	require.Equal(t, out{digestOfIndex}, got)
	_, err = host.Get[out](t.Context(), h, "digest", func() {})
	require.Error(t, err)
	_, err = host.Get[out](t.Context(), h, "digest", map[string]string{"ref": "oci:harbor:nope"})
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, host.Error{Kind: "not_found", Message: e.Message, Hint: e.Hint}, *e)
	require.Contains(t, e.Hint, "latest", "the hint of the verb comes along")
	for _, request := range []string{"no JSON", `"text"`, `{"ref":"oci:harbor"} {}`, `{"ref":1}`} {
		_, e := ask(t, h, "digest", request)
		require.Equal(t, "input", e.Kind, request)
	}
	_, e2 := ask(t, h, "no-such-verb", `{}`)
	require.Equal(t, "input", e2.Kind)
}
