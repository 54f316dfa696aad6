package registrytest

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

type response = fetchshim.Response

// altered is a fault that changes the registry's answer, if it is a good one.
func altered(change func(q *request, r *response)) func(context.Context, *Faults, *request) (*response, error) {
	return func(ctx context.Context, f *Faults, q *request) (*response, error) {
		r, err := f.Fetcher.Fetch(ctx, q.Request)
		if err == nil && r.Status < 300 {
			change(q, r)
		}
		return r, err
	}
}

// refused is a fault that asks the registry nothing.
func refused(make func(q *request) *response) func(context.Context, *Faults, *request) (*response, error) {
	return func(_ context.Context, _ *Faults, q *request) (*response, error) { return make(q), nil }
}

func always(*request) bool { return true }

var faults = []fault{
	{"no connection", always, func(_ context.Context, _ *Faults, q *request) (*response, error) { return nil, broke(q.Request) }},
	{"lost answer", always, func(ctx context.Context, f *Faults, q *request) (*response, error) {
		r, err := f.Fetcher.Fetch(ctx, q.Request)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		return nil, broke(q.Request)
	}},
	{"server error", always, refused(func(q *request) *response {
		return answer(q.Request, []int{500, 502, 503, 504}[q.dice.IntN(4)], "<html>oops</html>", "Content-Type", "text/html")
	})},
	{"429", always, refused(func(q *request) *response {
		header := []string{"Content-Type", "application/json"}
		if after := []string{"", "2", "1.5", "711.421µs", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "0"}[q.dice.IntN(7)]; after != "" {
			header = append(header, "Retry-After", after)
		}
		return answer(q.Request, 429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`, header...)
	})},
	{"body breaks off", reads, altered(func(q *request, r *response) { r.Body = cut(q, r.Body, broke(q.Request)) })},
	{"body ends early", reads, altered(func(q *request, r *response) { r.Body = cut(q, r.Body, io.EOF); r.Header.Del("Content-Length") })},
	{"slow drip", reads, altered(func(_ *request, r *response) {
		r.Body = struct {
			io.Reader
			io.Closer
		}{drip{r.Body}, r.Body}
	})},
	{"lying length", isBlob, altered(func(q *request, r *response) { lie(q, r, "Content-Length") })},
	{"wrong byte", isBlob, altered(func(q *request, r *response) { r.Body = &flipped{r.Body, q.dice.Int64N(20_000)} })},
	{"truncated JSON", isJSON, altered(func(q *request, r *response) { r.Body = cut(q, r.Body, io.EOF); r.Header.Del("Content-Length") })},
	{"wrong digest", func(q *request) bool { return isJSON(q) && q.path.Kind == distspec.Manifest }, altered(func(_ *request, r *response) {
		r.Header.Set("Docker-Content-Digest", "sha256:"+fmt.Sprintf("%064d", 7))
	})},
	{"HTML", isJSON, refused(func(q *request) *response {
		return answer(q.Request, 200, "<html>Please log in to the hotel network</html>", "Content-Type", "text/html")
	})},
	{"range ignored", ranged, func(ctx context.Context, f *Faults, q *request) (*response, error) {
		r := *q.Request
		r.Header = r.Header.Clone()
		r.Header.Del("Range")
		return f.Fetcher.Fetch(ctx, &r)
	}},
	{"another range", ranged, altered(func(q *request, r *response) {
		if got, size, err := distspec.ParseContentRange(r.Header.Get("Content-Range")); err == nil && got.Start > 1 {
			got.Start -= 1 + q.dice.Int64N(got.Start-1)
			r.Header.Set("Content-Range", got.ContentRange(size))
		}
	})},
	{"range refused", ranged, refused(func(q *request) *response { return answer(q.Request, 416, "") })},
	{"upload breaks off", sends, func(ctx context.Context, f *Faults, q *request) (*response, error) {
		r := *q.Request
		n := q.dice.Int64N(q.Body.Len())
		r.Body = fetchshim.BodyFunc{Size: q.Body.Len(), From: func(ctx context.Context) (io.ReadCloser, error) {
			rc, err := q.Body.Open(ctx)
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(rc, n), failing{}), rc}, nil
		}}
		if resp, err := f.Fetcher.Fetch(ctx, &r); err == nil {
			_ = resp.Body.Close()
		}
		return nil, broke(q.Request)
	}},
	{"stale offset", isUpload, altered(func(q *request, r *response) {
		if n, ok := distspec.ParseUploadRange(r.Header.Get("Range")); ok {
			r.Header.Set("Range", distspec.UploadRange(q.dice.Int64N(2*n+2)))
		}
	})},
	{"no offset", isUpload, altered(func(_ *request, r *response) { r.Header.Del("Range") })},
	{"out of step", func(q *request) bool { return q.Method == "PATCH" }, refused(func(q *request) *response { return answer(q.Request, 416, "") })},
	{"session lost", func(q *request) bool { return isUpload(q) && q.path.Ref != "" }, refused(func(q *request) *response {
		return answer(q.Request, 404, `{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}`)
	})},
	{"digest refused", func(q *request) bool { return isUpload(q) && q.Method == "PUT" }, refused(func(q *request) *response {
		return answer(q.Request, 400, `{"errors":[{"code":"DIGEST_INVALID"}]}`)
	})},
}

// cut is the beginning of a body, and then err.
func cut(q *request, body io.ReadCloser, err error) io.ReadCloser {
	return &cutter{body, 1 + q.dice.Int64N(100_000), err}
}

type cutter struct {
	io.ReadCloser
	left int64
	err  error
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// drip gives a few bytes at a time.
type drip struct{ r io.Reader }

func (d drip) Read(p []byte) (int, error) { return d.r.Read(p[:min(len(p), 100)]) }

// flipped is a body with one wrong byte.
type flipped struct {
	io.ReadCloser
	at int64
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.at >= 0 && f.at < int64(n) {
		p[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

// lie changes a number in a header by a little.
func lie(q *request, r *response, name string) {
	if n, err := strconv.ParseInt(r.Header.Get(name), 10, 64); err == nil {
		r.Header.Set(name, strconv.FormatInt(max(0, n+q.dice.Int64N(21)-10), 10))
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroke }
