package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
)

var (
	manifest = `{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageManifest + `"}`
	sum      = digest.FromString(manifest)
	other    = digest.FromString("other")
	asJSON   = "Content-Type: " + v1.MediaTypeImageManifest
)

func TestManifest(t *testing.T) {
	for name, c := range map[string]struct {
		ident string
		f     fetchshim.Func
		kind  errs.Kind
		says  string
	}{
		"by tag":                      {"v1", always(200, manifest, asJSON), "", ""},
		"by digest":                   {sum.String(), always(200, manifest, asJSON), "", ""},
		"by another algorithm":        {digest.SHA512.FromString(manifest).String(), always(200, manifest, asJSON), "", ""},
		"with its digest":             {"v1", always(200, manifest, asJSON, "Docker-Content-Digest: "+sum.String()), "", ""},
		"with a digest that is none":  {"v1", always(200, manifest, asJSON, "Docker-Content-Digest: sha256:.."), "", ""},
		"no type":                     {"v1", always(200, manifest), "", ""},
		"not the digest asked for":    {other.String(), always(200, manifest, asJSON), errs.Verification, "not " + other.String()},
		"not the digest it announces": {"v1", always(200, manifest, "Docker-Content-Digest: "+other.String()), errs.Verification, "not " + other.String()},
		"not the type it announces":   {"v1", always(200, manifest, "Content-Type: "+v1.MediaTypeImageIndex), errs.Verification, "announced as"},
		"two things at once":          {"v1", always(200, `{"manifests":[],"layers":[]}`), errs.Verification, "an index and as a manifest"},
		"schema 1":                    {"v1", always(200, `{"schemaVersion":1,"fsLayers":[]}`, "Content-Type: "+oci.DockerSchema1Sig), errs.Unsupported, "schema 1"},
		"HTML":                        {"v1", always(200, "<!DOCTYPE html>", "Content-Type: text/html"), errs.Unsupported, "it answered HTML; is r.example a registry?"},
		"HTML that calls itself JSON": {"v1", always(200, "\ufeff\n <html>", asJSON), errs.Unsupported, "is r.example a registry?"},
		"HTML for a digest":           {sum.String(), always(200, "<html>"), errs.Unsupported, "is r.example a registry?"},
		"empty":                       {"v1", always(200, ""), errs.Input, "it is empty"},
		"text":                        {"v1", always(200, "hello"), errs.Input, "is not a manifest"},
		"100 MiB":                     {"v1", always(200, manifest+strings.Repeat(" ", 100<<20)), errs.Input, "is larger than the 4194304 bytes"},
		"100 MiB announced":           {"v1", always(200, "", "Content-Length: 104857600"), errs.Input, "announced with 104857600 bytes"},
		"a redirect without a place":  {"v1", always(302, ""), errs.Unsupported, "302, which makes no sense here"},
		"no content":                  {"v1", always(204, ""), errs.Unsupported, "204, which makes no sense here"},
		"400":                         {"v1", always(400, `{"errors":[{"code":"NAME_INVALID","message":"bad name"}]}`), errs.Input, "NAME_INVALID: bad name"},
		"403":                         {"v1", always(403, `{"errors":[{"code":"DENIED","message":"no"}]}`), errs.Denied, "denied: DENIED: no"},
		"404":                         {"v1", always(404, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`), errs.NotFound, "not found: MANIFEST_UNKNOWN"},
		"404 in HTML":                 {"v1", always(404, "<html>", "Content-Type: text/html"), errs.NotFound, "is r.example a registry?"},
		"410":                         {"v1", always(410, ""), errs.NotFound, "not found"},
		"418":                         {"v1", always(418, "short and stout"), errs.Input, "418: short and stout"},
		"451":                         {"v1", always(451, ""), errs.Denied, "denied"},
		"500":                         {"v1", always(500, "oh"), errs.Network, "500: oh"},
		"control codes in an error":   {"v1", always(404, "\x1b]0;owned\x07"), errs.NotFound, "not found: ]0;owned"},
		"an endless error":            {"v1", always(404, strings.Repeat("x", 1<<20)), errs.NotFound, "xxx"},
		"not a tag":                   {"../../x", nil, errs.Input, "is not a tag"},
		"not a digest":                {"sha256:../x", nil, errs.Input, "is not a digest"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a:v1", c.f, nil)
			doc, err := r.Manifest(t.Context(), c.ident)
			if c.kind == "" {
				require.NoError(t, err)
				require.Equal(t, manifest, string(doc.Raw))
				return
			}
			requireKind(t, c.kind, err, "r.example/a", c.says)
			require.Less(t, len(err.Error()), 2000)
			if c.f == nil {
				require.Empty(t, r.requests, "it never became a path")
			}
		})
	}
}

// breaking is a body that ends with a fault.
func breaking(status int, start string, kind fetchshim.FaultKind, header ...string) func() (*fetchshim.Response, error) {
	return func() (*fetchshim.Response, error) {
		r := answer(status, "", header...)
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(start), faulty{kind}))
		return r, nil
	}
}

type faulty struct{ kind fetchshim.FaultKind }

func (f faulty) Read([]byte) (int, error) {
	return 0, &fetchshim.Fault{Kind: f.kind, URL: "https://r.example/", Err: errors.New("it broke")}
}

// TestABrokenBodyIsTheNetworks, of whatever it is.
func TestABrokenBodyIsTheNetworks(t *testing.T) {
	for kind, want := range map[fetchshim.FaultKind]errs.Kind{fetchshim.Network: errs.Network, fetchshim.Timeout: errs.Network, fetchshim.Cancelled: errs.Cancelled} {
		r := newRig(t, "r.example/a:v1", script(breaking(200, manifest[:9], kind)), nil)
		_, err := r.Manifest(t.Context(), "v1")
		requireKind(t, want, err, "r.example/a:v1: ", "it broke")
		_, err = tagsOf(t, newRig(t, "r.example/a", script(breaking(200, `{"tags":["a",`, kind)), nil), "", 0)
		requireKind(t, want, err, "r.example/a: ", "it broke")
		_, err = newRig(t, "r.example/a:v1", script(breaking(404, `not he`, kind)), nil).Manifest(t.Context(), "v1")
		requireKind(t, errs.NotFound, err, "not he")
	}
}

func TestResolve(t *testing.T) {
	said := []string{asJSON, "Docker-Content-Digest: " + sum.String(), "Content-Length: 42"}
	for name, c := range map[string]struct {
		ident string
		f     fetchshim.Func
		kind  errs.Kind
	}{
		"all there":             {"v1", always(200, "", said...), ""},
		"with parameters":       {"v1", always(200, "", "Content-Type: "+v1.MediaTypeImageManifest+"; charset=utf-8", said[1], said[2]), ""},
		"the same digest":       {sum.String(), always(200, "", said...), ""},
		"another digest":        {other.String(), always(200, "", said...), errs.Verification},
		"no digest":             {"v1", always(200, "", said[0], said[2]), errs.Unsupported},
		"a digest that is none": {"v1", always(200, "", said[0], "Docker-Content-Digest: sha256:../x", said[2]), errs.Unsupported},
		"no length":             {"v1", always(200, "", said[0], said[1]), errs.Unsupported},
		"a negative length":     {"v1", always(200, "", said[0], said[1], "Content-Length: -1"), errs.Unsupported},
		"a coded length":        {"v1", always(200, "", said[0], said[1], said[2], "Content-Encoding: gzip"), errs.Unsupported},
		"a page":                {"v1", always(200, "", "Content-Type: text/html", said[1], said[2]), errs.Unsupported},
		"schema 1":              {"v1", always(200, "", "Content-Type: "+oci.DockerSchema1, said[1], said[2]), errs.Unsupported},
		"no HEAD":               {"v1", always(405, ""), errs.Unsupported},
		"not there":             {"v1", always(404, ""), errs.NotFound},
		"not allowed":           {"v1", always(403, ""), errs.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a:v1", c.f, nil)
			res, ok := content.As[content.Resolver](r.Source)
			require.True(t, ok)
			d, err := res.Resolve(t.Context(), c.ident)
			if c.kind != "" {
				requireKind(t, c.kind, err, "r.example/a")
				return
			}
			require.NoError(t, err)
			require.Equal(t, v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: sum, Size: 42}, d)
			require.Equal(t, "HEAD", r.requests[0].Method)
		})
	}
}

func TestRetries(t *testing.T) {
	ok := says(200, manifest, asJSON)
	for name, c := range map[string]struct {
		f        fetchshim.Func
		kind     errs.Kind
		says     string
		requests int
		slept    []time.Duration // nil where it is drawn
	}{
		"a network that recovers": {script(faults(fetchshim.Network), faults(fetchshim.Timeout), ok), "", "", 3, nil},
		"a network that does not": {script(faults(fetchshim.Network)), errs.Network, "it broke", 5, nil},
		"a server that recovers":  {script(says(503, "", "Retry-After: 7"), says(429, "", "Retry-After: Thu, 02 Jan 2025 03:04:13 GMT"), ok), "", "", 3, []time.Duration{7 * time.Second, time.Second}},
		"a server that does not":  {script(says(502, "<html>")), errs.Network, "502", 5, nil},
		"told to wait too long":   {script(says(429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`, "Retry-After: 3600")), errs.RateLimited, "retry after 1h0m0s: TOOMANYREQUESTS: slow down", 1, nil},
		"told to wait for ever":   {script(says(429, "", "Retry-After: 99999999999999999")), errs.RateLimited, "retry after 8760h0m0s", 1, nil},
		"refused by the host":     {script(faults(fetchshim.Refused)), errs.Denied, "it broke", 1, nil},
		"a host that cannot":      {script(faults(fetchshim.Unsupported)), errs.Unsupported, "it broke", 1, nil},
		"cancelled":               {script(faults(fetchshim.Cancelled)), errs.Cancelled, "it broke", 1, nil},
		"what will not pass":      {script(says(404, "")), errs.NotFound, "not found", 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a:v1", c.f, nil)
			_, err := r.Manifest(t.Context(), "v1")
			if c.kind != "" {
				requireKind(t, c.kind, err, "r.example/a:v1: ", c.says)
			} else {
				require.NoError(t, err)
			}
			require.Len(t, r.requests, c.requests)
			require.Len(t, r.clock.slept, c.requests-1)
			if c.slept != nil {
				require.Equal(t, c.slept, r.clock.slept)
			}
			require.Len(t, r.events, c.requests-1)
			for _, e := range r.events {
				require.Equal(t, event.Retry, e.Kind)
				require.Equal(t, "r.example/a:v1", e.Subject)
			}
		})
	}
}

func TestNoRetryAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRig(t, "r.example/a:v1", func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		cancel()
		return answer(503, ""), nil
	}, nil)
	_, err := r.Manifest(ctx, "v1")
	requireKind(t, errs.Cancelled, err, "r.example/a:v1: ")
	require.Len(t, r.requests, 1)

	// A body that ends with what ended the copy has not broken off.
	ended, end := context.WithCancelCause(t.Context())
	r = newRig(t, "r.example/a:v1", func(context.Context, *fetchshim.Request) (*fetchshim.Response, error) {
		resp := answer(200, "")
		resp.Body = io.NopCloser(iotest.ErrReader(context.Cause(ended)))
		return resp, nil
	}, nil)
	end(errs.New(errs.Internal, "oci:x", "no space left"))
	body, err := r.Blob(v1.Descriptor{Digest: digest.FromString("x"), Size: 1}).Open(ended)
	if err == nil {
		_, err = io.ReadAll(body)
		require.NoError(t, body.Close())
	}
	requireKind(t, errs.Cancelled, err, "r.example/a@")
	require.Empty(t, r.events)
}

func TestWhereARegistryIs(t *testing.T) {
	for typed, want := range map[string]string{
		"alpine":            "https://registry-1.docker.io/v2/library/alpine/manifests/latest",
		"localhost:5000/a":  "http://localhost:5000/v2/a/manifests/latest",
		"[::1]:5000/a":      "http://[::1]:5000/v2/a/manifests/latest",
		"r.example:443/a/b": "https://r.example:443/v2/a/b/manifests/latest",
	} {
		r := newRig(t, typed, always(200, manifest), nil)
		_, err := r.Manifest(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, []string{"GET " + want}, r.sent())
	}
	r := newRig(t, "r.example/a", always(200, manifest), func(o *registry.Options) { o.PlainHTTP = func(string) bool { return true } })
	_, err := r.Manifest(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"GET http://r.example/v2/a/manifests/latest"}, r.sent())
}

// cut serves a blob in pieces: each answer breaks off after so many bytes.
func cut(t *testing.T, b string, ranges bool, pieces ...int) fetchshim.Func {
	return func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		var from int
		status, header := 200, []string{fmt.Sprint("Content-Length: ", len(b))}
		if h := req.Header.Get("Range"); h != "" && ranges {
			_, err := fmt.Sscanf(h, "bytes=%d-", &from)
			require.NoError(t, err)
			status, header = 206, []string{fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, len(b)-1, len(b))}
		}
		n := len(b) - from
		if len(pieces) > 0 {
			n, pieces = pieces[0], pieces[1:]
		}
		r := answer(status, "", header...)
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(b[from:min(from+n, len(b))]), faulty{fetchshim.Network}))
		return r, nil
	}
}

func TestBlob(t *testing.T) {
	b := strings.Repeat("0123456789", 100)
	d := v1.Descriptor{Digest: digest.FromString(b), Size: int64(len(b))}
	length := fmt.Sprint("Content-Length: ", len(b))
	for name, c := range map[string]struct {
		d        v1.Descriptor
		f        fetchshim.Func
		kind     errs.Kind
		says     string
		requests int
	}{
		"whole":                       {d, always(200, b, length), "", "", 1},
		"of no announced length":      {d, always(200, b), "", "", 1},
		"goes on where it broke":      {d, cut(t, b, true, 10, 500, 1), "", "", 4},
		"breaks too often":            {d, cut(t, b, true, 10, 10, 10, 10, 10), errs.Network, "broke", 5},
		"goes on without ranges":      {d, cut(t, b, false, 10, 1000), "", "", 2},
		"breaks after the last byte":  {d, cut(t, b, true, 1000), "", "", 1},
		"ends too early":              {d, always(200, b[:999]), errs.Verification, "has 999 bytes, its descriptor says 1000", 1},
		"ends too early, announced":   {d, script(says(200, b[:999], length), says(206, "x", "Content-Range: bytes 999-999/1000")), errs.Verification, "content has the digest", 2},
		"another length":              {d, always(200, b, "Content-Length: 5"), errs.Verification, "has 5 bytes, its descriptor says 1000", 1},
		"endless":                     {d, always(200, strings.Repeat(b, 1000)), errs.Verification, "is longer than the 1000 bytes", 1},
		"other bytes":                 {d, always(200, strings.Repeat("9876543210", 100)), errs.Verification, "content has the digest", 1},
		"HTML":                        {d, always(200, "<html>"), errs.Verification, "has 6 bytes, its descriptor says 1000", 1},
		"another range":               {d, script(breaking(200, b[:10], fetchshim.Network), says(206, b, "Content-Range: bytes 0-999/1000")), errs.Verification, `Content-Range "bytes 0-999/1000"`, 3},
		"no range at all":             {d, script(breaking(200, b[:10], fetchshim.Network), says(206, b)), errs.Verification, `Content-Range ""`, 3},
		"a wrong range, and then all": {d, script(breaking(200, b[:10], fetchshim.Network), says(206, b, "Content-Range: bytes 0-999/1000"), says(200, b, length)), "", "", 3},
		"unsatisfiable, and then all": {d, script(breaking(200, b[:10], fetchshim.Network), says(416, ""), says(200, b, length)), "", "", 3},
		"gone in the middle":          {d, script(breaking(200, b[:10], fetchshim.Network), says(404, "")), errs.NotFound, "blob: not found", 2},
		"not there":                   {d, always(404, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`), errs.NotFound, "blob: not found: BLOB_UNKNOWN", 1},
		"foreign":                     {v1.Descriptor{Digest: d.Digest, Size: d.Size, URLs: []string{"https://x.example/y"}}, always(404, ""), errs.NotFound, "https://x.example/y", 1},
		"a digest that is none":       {v1.Descriptor{Digest: "sha256:../../x", Size: 3}, nil, errs.Input, "is not a digest", 0},
		"a negative size":             {v1.Descriptor{Digest: d.Digest, Size: -1}, nil, errs.Input, "negative size", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a:v1", c.f, nil)
			got, err := read(t, r.Blob(c.d))
			if c.kind != "" {
				requireKind(t, c.kind, err, c.says)
				require.True(t, strings.Contains(err.Error(), c.d.Digest.String()), "%v", err)
			} else {
				require.NoError(t, err)
				require.Equal(t, b, got)
			}
			require.Len(t, r.requests, c.requests)
		})
	}
}

func TestBlobAtAnOffset(t *testing.T) {
	f := contenttest.NewImage()
	c := f.Blobs[0]
	size := int64(len(c.Bytes))
	for offset, kind := range map[int64]errs.Kind{0: "", 1: "", size - 1: "", size: "", size + 1: errs.Input, -1: errs.Input} {
		for _, ranges := range []bool{true, false} {
			r := newRig(t, "r.example/a", cut(t, string(c.Bytes), ranges), nil)
			o, ok := content.As[content.RangeOpener](r.Blob(c.Descriptor))
			require.True(t, ok)
			rc, err := o.OpenAt(t.Context(), offset)
			require.Equal(t, kind, errs.Of(err), "%d: %v", offset, err)
			if err != nil {
				continue
			}
			got, err := io.ReadAll(rc)
			require.NoError(t, err)
			require.Equal(t, c.Bytes[offset:], got, "%d", offset)
			require.NoError(t, rc.Close())
		}
	}
	huge := v1.Descriptor{Digest: c.Descriptor.Digest, Size: 1 << 40}
	o, _ := content.As[content.RangeOpener](newRig(t, "r.example/a", always(200, ""), nil).Blob(huge))
	_, err := o.OpenAt(t.Context(), 1<<39)
	requireKind(t, errs.Unsupported, err, "serves no ranges")
}

// TestFaultsAreNotRepeated: a registry that answers 500 and says that the request is wrong is believed; one that says that it does not
// know is asked again.
func TestFaultsAreNotRepeated(t *testing.T) {
	body := func(codes ...string) string {
		var list []string
		for _, c := range codes {
			list = append(list, `{"code":"`+c+`","message":"no"}`)
		}
		return `{"errors":[` + strings.Join(list, ",") + `]}`
	}
	for said, want := range map[string]struct {
		kind     errs.Kind
		requests int
	}{
		body("UNSUPPORTED"):                      {errs.Unsupported, 1},
		body("DENIED"):                           {errs.Denied, 1},
		body("MANIFEST_INVALID", "NAME_INVALID"): {errs.Input, 1},
		body("MANIFEST_INVALID", "UNKNOWN"):      {errs.Network, 5},
		body("UNKNOWN"):                          {errs.Network, 5}, // as distribution calls what its storage says
		body("MANIFEST_UNKNOWN"):                 {errs.Network, 5},
		body():                                   {errs.Network, 5},
		"":                                       {errs.Network, 5},
		"<html>":                                 {errs.Network, 5},
	} {
		r := newRig(t, "r.example/a:v1", always(500, said), nil)
		_, err := r.Manifest(t.Context(), "v1")
		require.Equal(t, want.kind, errs.Of(err), said)
		require.Len(t, r.requests, want.requests, said)
		require.ErrorContains(t, err, "500")
		r = newRig(t, "r.example/a:v1", always(503, said), nil)
		_, err = r.Manifest(t.Context(), "v1")
		require.Equal(t, errs.Network, errs.Of(err), "it says that it comes back")
		require.Len(t, r.requests, 5)
	}
}
