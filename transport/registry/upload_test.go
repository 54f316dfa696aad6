package registry_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/content/contenttest"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
	"github.com/stevedore-oci/stevedore/transport/registry"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// letters are the bytes of the blob that is pushed here.
const letters = "abcdefghij"

var letter = contenttest.NewContent(v1.MediaTypeImageLayer, []byte(letters))

// turn is a request that is expected, and its answer. In what is expected, DIGEST stands for the blob's, MOUNT for the query
// that asks for an anonymous mount of it; after a bar comes the body, after another one the Content-Range.
type turn struct {
	want   string
	answer func() (*fetchshim.Response, error)
}

// converse makes a Fetcher of turns, which has to take all of them.
func converse(t *testing.T, turns ...turn) fetchshim.Func {
	t.Helper()
	var mu sync.Mutex
	var at int
	t.Cleanup(func() {
		if at < len(turns) {
			t.Errorf("never requested: %s", turns[at].want)
		}
	})
	names := strings.NewReplacer("MOUNT", "mount="+strings.Replace(letter.Descriptor.Digest.String(), ":", "%3A", 1),
		"DIGEST", letter.Descriptor.Digest.String(), "SUM", strings.Replace(letter.Descriptor.Digest.String(), ":", "%3A", 1))
	return func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		got := req.Method + " " + req.URL
		if req.Body != nil {
			rc, err := req.Body.Open(ctx)
			require.NoError(t, err)
			b, err := io.ReadAll(rc)
			require.NoError(t, rc.Close())
			if err != nil {
				return nil, fmt.Errorf("request body: %w", err)
			}
			got += "|" + string(b)
		}
		if h := req.Header.Get("Content-Range"); h != "" {
			got += "|" + h
		}
		mu.Lock()
		defer mu.Unlock()
		if at >= len(turns) {
			t.Errorf("not expected: %s", got)
			return nil, &fetchshim.Fault{Kind: fetchshim.Refused, URL: req.URL}
		}
		at++
		if want := names.Replace(turns[at-1].want); want != got {
			t.Errorf("request %d is\n%s, not\n%s", at, got, want)
			return nil, &fetchshim.Fault{Kind: fetchshim.Refused, URL: req.URL}
		}
		return turns[at-1].answer()
	}
}

const (
	base    = "https://r.example/v2/a/b/blobs/"
	begins  = "POST " + base + "uploads/?MOUNT"
	looks   = "HEAD " + base + "DIGEST"
	session = base + "uploads/1?_state=x"
	closes  = "PUT " + session + "&digest=SUM"
)

var (
	absent = turn{looks, says(404, "")}
	begun  = turn{begins, says(202, "", "Location: /v2/a/b/blobs/uploads/1?_state=x")}
	broken = faults(fetchshim.Network)
)

func TestUpload(t *testing.T) {
	chunked := func(n int64) func(*registry.Options) {
		return func(o *registry.Options) { o.Chunk, o.Fetcher = n, held{o.Fetcher} }
	}
	streamed := func(o *registry.Options) { o.Chunk = 1 }
	for name, c := range map[string]struct {
		change func(*registry.Options)
		turns  []turn
		how    content.How
		kind   errs.Kind
		says   string
	}{
		"there":                 {nil, []turn{{looks, says(200, "", "Content-Length: 10")}}, content.Existed, "", ""},
		"there in another size": {nil, []turn{{looks, says(200, "", "Content-Length: 11")}}, "", errs.Verification, "11 bytes under this digest"},
		"not to be seen":        {nil, []turn{{looks, says(403, `{"errors":[{"code":"DENIED"}]}`)}}, "", errs.Denied, "DENIED"},
		"whole":                 {nil, []turn{absent, begun, {closes + "|" + letters, says(201, "")}}, content.Stored, "", ""},
		"mounted":               {nil, []turn{absent, {begins, says(201, "")}}, content.Mounted, "", ""},
		"mounts not understood": {nil, []turn{absent, {begins, says(400, "")}, {"POST " + base + "uploads/", begun.answer},
			{closes + "|" + letters, says(201, "")}}, content.Stored, "", ""},
		"streamed": {streamed, []turn{absent, begun, {"PATCH " + session + "|" + letters, says(202, "", "Range: 0-9")}, {closes, says(201, "")}},
			content.Stored, "", ""},
		"chunks": {chunked(4), []turn{absent, begun,
			{"PATCH " + session + "|abcd|0-3", says(202, "", "Location: "+base+"uploads/2", "Range: 0-3")},
			{"PATCH " + base + "uploads/2|efgh|4-7", says(202, "", "Location: uploads/3?x")}, // relative to uploads/2, without a Range
			{"PATCH " + base + "uploads/uploads/3?x|ij|8-9", says(202, "")},
			{"PUT " + base + "uploads/uploads/3?x&digest=SUM", says(201, "")}}, content.Stored, "", ""},
		"chunks of the registry's size": {chunked(4), []turn{absent,
			{begins, says(202, "", "Location: "+session, "OCI-Chunk-Min-Length: 6")},
			{"PATCH " + session + "|abcdef|0-5", says(202, "")}, {"PATCH " + session + "|ghij|6-9", says(202, "")}, {closes, says(201, "")}}, content.Stored, "", ""},
		"goes on after a break": {streamed, []turn{absent, begun, {"PATCH " + session + "|" + letters, broken},
			{"GET " + session, says(204, "", "Range: 0-2", "Location: "+base+"uploads/7")},
			{"PATCH " + base + "uploads/7|defghij|3-9", says(202, "", "Range: 0-9")}, {"PUT " + base + "uploads/7?digest=SUM", says(201, "")}}, content.Stored, "", ""},
		"a broken PUT goes on too": {nil, []turn{absent, begun, {closes + "|" + letters, says(503, "")},
			{"GET " + session, says(204, "", "Range: 0-2")}, {"PATCH " + session + "|defghij|3-9", says(202, "")}, {closes, says(201, "")}}, content.Stored, "", ""},
		"the registry lost bytes": {streamed, []turn{absent, begun, {"PATCH " + session + "|" + letters, says(202, "", "Range: 0-2")},
			{"PATCH " + session + "|defghij|3-9", says(202, "", "Range: 0-9")}, {closes, says(201, "")}}, content.Stored, "", ""},
		"out of step": {chunked(5), []turn{absent, begun, {"PATCH " + session + "|abcde|0-4", says(202, "")},
			{"PATCH " + session + "|fghij|5-9", says(416, "")}, {"GET " + session, says(204, "", "Range: 0-1")},
			{"PATCH " + session + "|cdefg|2-6", says(202, "")}, {"PATCH " + session + "|hij|7-9", says(202, "")}, {closes, says(201, "")}}, content.Stored, "", ""},
		"the last answer is lost": {nil, []turn{absent, begun, {closes + "|" + letters, broken}, {"GET " + session, says(404, "")},
			{looks, says(200, "", "Content-Length: 10")}}, content.Stored, "", ""},
		"the session is lost": {nil, []turn{absent, begun, {closes + "|" + letters, says(404, `{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}`)}, absent,
			{"POST " + base + "uploads/", begun.answer}, {closes + "|" + letters, says(201, "")}}, content.Stored, "", ""},
		"too large for a proxy": {func(o *registry.Options) { o.Chunk = 16 << 20 }, []turn{absent, begun, {closes + "|" + letters, says(413, "<html>")}}, "", errs.Input, "413"},
		"no PATCH": {streamed, []turn{absent, begun, {"PATCH " + session + "|" + letters, says(405, "")}, {"POST " + base + "uploads/", begun.answer},
			{closes + "|" + letters, says(201, "")}}, content.Stored, "", ""},
		"another digest": {nil, []turn{absent, begun, {closes + "|" + letters, says(201, "", "Docker-Content-Digest: "+digest.FromString("x").String())}},
			"", errs.Verification, "stored the blob under the digest"},
		"nowhere": {nil, []turn{absent, {begins, says(202, "")}, {"POST " + base + "uploads/", says(202, "")}}, "", errs.Unsupported, "no Location"},
		"nowhere to a page": {func(o *registry.Options) { o.HidesHeaders = true }, []turn{absent, {begins, says(202, "")}, {"POST " + base + "uploads/", says(202, "")}},
			"", errs.Unsupported, "Access-Control-Expose-Headers: Location"},
		"refused": {nil, []turn{absent, {begins, says(403, "")}, {"POST " + base + "uploads/", says(403, `{"errors":[{"code":"DENIED","message":"read only"}]}`)}},
			"", errs.Denied, "read only"},
		"by plain HTTP": {nil, []turn{absent, {begins, says(202, "", "Location: http://r.example/v2/a/b/blobs/uploads/1?_state=x")}, {closes + "|" + letters, says(201, "")}},
			content.Stored, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a/b:v1", converse(t, c.turns...), c.change)
			how, err := r.sink.PutBlob(t.Context(), letter.Blob())
			if c.kind != "" {
				requireKind(t, c.kind, err, "r.example/a/b@"+letter.Descriptor.Digest.String(), c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.how, how)
		})
	}
}

// TestUploadShrinks: requests that a proxy finds too large get smaller until they pass.
func TestUploadShrinks(t *testing.T) {
	large := contenttest.NewContent("", make([]byte, 40<<20))
	var sizes []int64
	got := digest.Canonical.Digester()
	r := newRig(t, "r.example/a/b", func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		switch req.Method {
		case "HEAD":
			return answer(404, ""), nil
		case "POST":
			got = digest.Canonical.Digester()
			return answer(202, "", "Location: /upload"), nil
		}
		if req.Body == nil {
			require.Equal(t, large.Descriptor.Digest, got.Digest())
			return answer(201, ""), nil
		}
		if n := req.Body.Len(); n > 5<<20 {
			sizes = append(sizes, n)
			return answer(413, "<html>"), nil
		}
		rc, err := req.Body.Open(ctx)
		require.NoError(t, err)
		_, err = io.Copy(got.Hash(), rc)
		require.NoError(t, err)
		return answer(202, ""), rc.Close()
	}, nil)
	how, err := r.sink.PutBlob(t.Context(), large.Blob())
	require.NoError(t, err)
	require.Equal(t, content.Stored, how)
	require.Equal(t, []int64{40 << 20, 16 << 20}, sizes)
}

// TestUploadElsewhere: an upload that goes on at another host gets the blob and no credential.
func TestUploadElsewhere(t *testing.T) {
	var sent []string
	f := func(ctx context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		sent = append(sent, fmt.Sprintf("%s %.40s %s", req.Method, req.URL, req.Header.Get("Authorization")))
		switch {
		case req.Header.Get("Authorization") == "" && strings.HasPrefix(req.URL, "https://r.example/"):
			return answer(401, "", `WWW-Authenticate: Basic realm="r"`), nil
		case req.Method == "HEAD":
			return answer(404, ""), nil
		case req.Method == "POST":
			return answer(202, "", "Location: https://store.example/put/here"), nil
		}
		rc, err := req.Body.Open(ctx)
		require.NoError(t, err)
		b, err := io.ReadAll(rc)
		require.NoError(t, err)
		require.Equal(t, letters, string(b))
		return answer(201, ""), nil
	}
	r := newRig(t, "r.example/a/b", f, func(o *registry.Options) { o.Keychain = auth.Static{Username: "u", Password: "p"} })
	_, err := r.sink.PutBlob(t.Context(), letter.Blob())
	require.NoError(t, err)
	require.Equal(t, "PUT https://store.example/put/here?digest=sh ", sent[len(sent)-1])
	require.Contains(t, sent[1], "Basic ")

	r = newRig(t, "r.example/a/b", converse(t, absent, turn{begins, says(202, "", "Location: http://store.example/x")},
		turn{"POST " + base + "uploads/", says(202, "", "Location: http://store.example/x")}), nil)
	_, err = r.sink.PutBlob(t.Context(), letter.Blob())
	requireKind(t, errs.Denied, err, "store.example over plain HTTP")
	for _, bad := range []string{"ftp://r.example/x", "https://user@r.example/x", "https://%zz/"} {
		r = newRig(t, "r.example/a/b", converse(t, absent, turn{begins, says(202, "", "Location: "+bad)},
			turn{"POST " + base + "uploads/", says(202, "", "Location: "+bad)}), nil)
		_, err = r.sink.PutBlob(t.Context(), letter.Blob())
		requireKind(t, errs.Unsupported, err, "no http or https URL")
	}
}

// TestMount: a blob of the same registry is asked for where it is, with a token for both repositories.
func TestMount(t *testing.T) {
	from := "POST " + base + "uploads/?from=x%2Fy&MOUNT"
	r := newRig(t, "r.example/a/b", converse(t, absent, turn{from, says(201, "")}), nil)
	how, err := r.sink.PutBlob(t.Context(), r.client.Repository(parse(t, "r.example/x/y")).Blob(letter.Descriptor))
	require.NoError(t, err)
	require.Equal(t, content.Mounted, how)

	r = newRig(t, "r.example/a/b", converse(t, absent, turn{from, says(202, "", "Location: "+session)}, turn{"GET https://r.example/v2/x/y/blobs/DIGEST", says(200, letters)},
		turn{closes + "|" + letters, says(201, "")}), nil)
	_, err = r.sink.PutBlob(t.Context(), r.client.Repository(parse(t, "r.example/x/y")).Blob(letter.Descriptor))
	require.NoError(t, err)

	r = newRig(t, "r.example/a/b", converse(t, absent, turn{begins, says(201, "")}), nil)
	how, err = r.sink.PutBlob(t.Context(), r.client.Repository(parse(t, "other.example/x/y")).Blob(letter.Descriptor))
	require.NoError(t, err)
	require.Equal(t, content.Mounted, how, "another registry has nothing to mount from")
}

// TestMountToken: the token of a mount is for both repositories, also where the registry names one.
func TestMountToken(t *testing.T) {
	r := newRig(t, "r.example/a/b", func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		u, err := url.Parse(req.URL)
		require.NoError(t, err)
		switch {
		case u.Host == "auth.example":
			return answer(200, fmt.Sprintf(`{"token":%q}`, strings.Join(u.Query()["scope"], "+"))), nil
		case req.Header.Get("Authorization") == "":
			return answer(401, "", `WWW-Authenticate: Bearer realm="https://auth.example/",scope="repository:a/b:pull,push"`), nil
		case req.Method == "HEAD":
			return answer(404, ""), nil
		}
		require.Equal(t, "Bearer repository:a/b:pull,push+repository:x/y:pull", req.Header.Get("Authorization"))
		return answer(201, ""), nil
	}, nil)
	how, err := r.sink.PutBlob(t.Context(), r.client.Repository(parse(t, "r.example/x/y")).Blob(letter.Descriptor))
	require.NoError(t, err)
	require.Equal(t, content.Mounted, how)
}

// TestCreate: a repository that is not there is made once, for all the blobs that find it missing.
func TestCreate(t *testing.T) {
	var there atomic.Bool
	var made atomic.Int64
	f := func(_ context.Context, req *fetchshim.Request) (*fetchshim.Response, error) {
		switch {
		case req.Method == "HEAD":
			return answer(404, ""), nil
		case !there.Load():
			return answer(404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`), nil
		case req.Method == "POST":
			return answer(202, "", "Location: /upload"), nil
		}
		return answer(201, ""), nil
	}
	create := func(_ context.Context, registry, repository string) error {
		require.Equal(t, "r.example a/b", registry+" "+repository)
		made.Add(1)
		there.Store(true)
		return nil
	}
	r := newRig(t, "r.example/a/b", f, func(o *registry.Options) { o.Create = create })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := r.sink.PutBlob(t.Context(), letter.Blob())
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, made.Load())

	// Who gives up while it is made leaves it to the next one.
	there.Store(false)
	ctx, stop := context.WithCancel(t.Context())
	r = newRig(t, "r.example/a/b", f, func(o *registry.Options) {
		o.Create = func(c context.Context, registry, repository string) error {
			stop()
			if err := c.Err(); err != nil {
				return err
			}
			return create(c, registry, repository)
		}
	})
	_, err := r.sink.PutBlob(ctx, letter.Blob())
	requireKind(t, errs.Cancelled, err)
	_, err = r.sink.PutBlob(t.Context(), letter.Blob())
	require.NoError(t, err)

	there.Store(false)
	r = newRig(t, "r.example/a/b", f, nil)
	_, err = r.sink.PutBlob(t.Context(), letter.Blob())
	requireKind(t, errs.NotFound, err, "NAME_UNKNOWN")
	r = newRig(t, "r.example/a/b", f, func(o *registry.Options) {
		o.Create = func(context.Context, string, string) error { return errs.New(errs.Denied, "", "you may not") }
	})
	require.NoError(t, r.sink.PutManifest(t.Context(), "", contenttest.NewImage().Root))
	requireKind(t, errs.Denied, r.sink.Commit(t.Context()), "r.example/a/b", "you may not")
}

// TestManifestPush: a manifest without a tag goes at once, one with a tag at Commit and once only.
func TestManifestPush(t *testing.T) {
	f := contenttest.NewIndex()
	put := func(ident string, doc oci.Document) string {
		return "PUT https://r.example/v2/a/b/manifests/" + ident + "|" + string(doc.Raw)
	}
	sum := digest.SHA512.FromBytes(f.Root.Raw)
	r := newRig(t, "r.example/a/b", converse(t, turn{put(f.Children[0].Digest().String(), f.Children[0]), says(201, "")},
		turn{put(sum.String(), f.Root), says(201, "", "Docker-Content-Digest: "+sum.String())},
		turn{put("v2", f.Root), says(201, "", "Docker-Content-Digest: "+f.Root.Digest().String())},
		turn{put("v1", f.Root), says(500, "")}, turn{put("v1", f.Root), says(201, "")}), nil)
	require.NoError(t, r.sink.PutManifest(t.Context(), "v2", f.Root))
	require.NoError(t, r.sink.PutManifest(t.Context(), "v1", f.Root))
	require.NoError(t, r.sink.PutManifest(t.Context(), "", f.Children[0]))
	require.NoError(t, r.sink.PutManifest(t.Context(), sum.String(), f.Root))
	require.NoError(t, r.sink.Commit(t.Context()))
	require.NoError(t, r.sink.Commit(t.Context()), "nothing is left")
	require.Equal(t, f.Root.MediaType, r.requests[2].Header.Get("Content-Type"))
	counter, ok := content.As[content.Retrier](r.sink)
	require.True(t, ok)
	require.EqualValues(t, 1, counter.Retries())

	requireKind(t, errs.Input, r.sink.PutManifest(t.Context(), "no tag", f.Root), "is not a tag")
	requireKind(t, errs.Verification, r.sink.PutManifest(t.Context(), digest.FromString("x").String(), f.Root), "has the digest")
	r = newRig(t, "r.example/a/b", always(400, "no"), nil)
	require.NoError(t, r.sink.PutManifest(t.Context(), "", f.Children[0]), "its answer is not waited for")
	requireKind(t, errs.Input, r.sink.PutManifest(t.Context(), "", f.Root), f.Children[0].Digest().String())
	r = newRig(t, "r.example/a/b", always(201, "", "Docker-Content-Digest: "+digest.FromString("x").String()), nil)
	requireKind(t, errs.Verification, r.sink.PutManifest(t.Context(), "", f.Root), "stored it under the digest")
	r = newRig(t, "r.example/a/b", always(400, `{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}`), nil)
	require.NoError(t, r.sink.PutManifest(t.Context(), "v1", f.Root))
	requireKind(t, errs.Input, r.sink.Commit(t.Context()), "r.example/a/b:v1: manifest", "MANIFEST_INVALID")
}

// TestTagOfAnotherAlgorithm: a manifest that goes by SHA-512 keeps that digest under a tag where the registry confirms it, and gets
// the tag as every other one where it does not.
func TestTagOfAnotherAlgorithm(t *testing.T) {
	doc := contenttest.NewImage().Root
	doc = doc.Under(digest.SHA512.FromBytes(doc.Raw))
	put := func(ident string) string {
		return "PUT https://r.example/v2/a/b/manifests/" + ident + "|" + string(doc.Raw)
	}
	both, alone := put(doc.Digest().String()+"?tag=v1"), put("v1")
	for name, turns := range map[string][]turn{
		"confirmed":   {{both, says(201, "", "OCI-Tag: v1")}},
		"passed over": {{both, says(201, "")}, {alone, says(201, "")}},
		"refused":     {{both, says(400, `{"errors":[{"code":"DIGEST_INVALID"}]}`)}, {alone, says(201, "")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "r.example/a/b", converse(t, turns...), nil)
			require.NoError(t, r.sink.PutManifest(t.Context(), "v1", doc))
			require.NoError(t, r.sink.Commit(t.Context()))
			require.Len(t, r.requests, len(turns))
		})
	}
}
