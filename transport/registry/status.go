package registry

import (
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
	e := errs.New(kind, subject, "%s: %s%s", what, phrase, text)
	switch {
	case kind == errs.RateLimited:
		if d, ok := distspec.RetryAfter(resp.Header.Get("Retry-After"), r.c.o.Clock.Now()); ok {
			e = errs.New(kind, subject, "%s: %s; retry after %s%s", what, phrase, d.Round(time.Second), text)
		}
	case isHTML(resp.Header.Get("Content-Type"), raw):
		return e.Hinted("it answers HTML: is %s a registry?", r.target.Registry)
	}
	return e
}

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

// readAll reads a body whole, within a limit in bytes.
func (c *Client) readAll(resp *fetchshim.Response, limit int64, subject string) ([]byte, error) {
	if n := length(resp); n > limit {
		return nil, errs.New(errs.Input, subject, "is announced with %d bytes; %d are allowed here", n, limit)
	}
	return oci.ReadLimited(&steady{r: resp.Body, yield: c.o.Yield}, limit, subject)
}

func isHTML(contentType string, raw []byte) bool {
	start := strings.TrimLeft(string(raw[:min(len(raw), 64)]), "\ufeff \t\r\n")
	return strings.HasPrefix(strings.ToLower(contentType), "text/html") || strings.HasPrefix(start, "<")
}

func notRegistry(subject, registry string) error {
	return errs.New(errs.Unsupported, subject, "it answered HTML; is %s a registry?", registry)
}
