package registry

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// failed is the error of a response that is not what was asked for, with what the registry says of it. what is
// "manifest", "blob" or "tags".
func (r *repository) failed(resp *fetchshim.Response, subject, what string) error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, oci.MaxError)) // what came before an error is all there is to show
	text := distspec.ErrorText(raw)
	if text != "" {
		text = ": " + text
	}
	kind, phrase := meaning(resp.Status)
	if code := distspec.Fault(raw); code != "" && resp.Status == 500 {
		kind = blame(code)
	}
	if kind == errs.RateLimited {
		phrase += r.quota(resp)
	}
	e := errs.New(kind, subject, "%s: %s%s", what, phrase, text)
	switch {
	case kind == errs.RateLimited && exhausted(resp, r.c.o.MaxWait):
		return e.Hinted("wait until the quota of %s comes back, log in for a larger one, or read from a mirror", r.target.Registry)
	case isHTML(resp.Header.Get("Content-Type"), raw):
		return e.Hinted("it answers HTML: is %s a registry?", r.target.Registry)
	}
	return e
}

// quota is what a 429 says of how much is allowed and when to come back.
func (r *repository) quota(resp *fetchshim.Response) string {
	var out string
	if n, window, ok := distspec.ParseRateLimit(resp.Header.Get("RateLimit-Limit")); ok && window > 0 {
		out = fmt.Sprintf(", %d requests in %s are allowed", n, window)
	}
	if d, ok := retryAfter(resp, r.c.o.Clock.Now()); ok {
		out += "; retry after " + d.Round(time.Second).String()
	}
	return out
}

// says looks for a code of the specification in what a registry said.
func says(err error, code distspec.Code) bool { return strings.Contains(err.Error(), string(code)) }

// meaning is the kind of a status and how to say it.
func meaning(status int) (errs.Kind, string) {
	switch status {
	case 401:
		return errs.Unauthorized, "unauthorized"
	case 403, 451:
		return errs.Denied, "denied"
	case 404, 410:
		return errs.NotFound, "not found"
	case 429:
		return errs.RateLimited, "rate limited"
	case 405, 406, 415, 501:
		return errs.Unsupported, "not supported by the registry (" + itoa(status) + ")"
	}
	switch {
	case status >= 500:
		return errs.Network, "the registry answers " + itoa(status)
	case status >= 400:
		return errs.Input, "the registry answers " + itoa(status)
	}
	return errs.Unsupported, "the registry answers " + itoa(status) + ", which makes no sense here"
}

// blame is the kind of a fault in a request.
func blame(code distspec.Code) errs.Kind {
	switch code {
	case distspec.UnsupportedCode:
		return errs.Unsupported
	case distspec.Denied:
		return errs.Denied
	}
	return errs.Input
}

// readAll reads a body whole, within a limit in bytes. One that breaks off is of kind network.
func (c *Client) readAll(ctx context.Context, resp *fetchshim.Response, limit int64, subject string) ([]byte, error) {
	if n := length(resp); n > limit {
		return nil, errs.New(errs.Input, subject, "is announced with %d bytes; %d are allowed here", n, limit)
	}
	return io.ReadAll(&bounded{ctx: ctx, r: &steady{r: resp.Body, yield: c.o.Yield}, subject: subject, limit: limit})
}

// bounded fails where r does, or has more than limit bytes.
type bounded struct {
	ctx     context.Context
	r       io.Reader
	subject string
	limit   int64
	at      int64 // bytes read
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p[:min(int64(len(p)), b.limit-b.at+1)])
	if b.at += int64(n); b.at > b.limit {
		return 0, errs.New(errs.Input, b.subject, "is larger than the %d bytes allowed here", b.limit)
	}
	if err != nil && err != io.EOF {
		err = broken(b.ctx, err, b.subject, b.at)
	}
	return n, err
}

func isHTML(contentType string, raw []byte) bool {
	start := strings.TrimLeft(string(raw[:min(len(raw), 64)]), "\ufeff \t\r\n")
	return strings.HasPrefix(strings.ToLower(contentType), "text/html") || strings.HasPrefix(start, "<")
}

func notRegistry(subject, registry string) error {
	return errs.New(errs.Unsupported, subject, "it answered HTML; is %s a registry?", registry)
}
