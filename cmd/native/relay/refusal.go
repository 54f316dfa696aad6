package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

// refusal is an answer of the relay itself.
type refusal struct {
	status  int
	kind    fetchshim.FaultKind
	message string
	hint    string
	allow   []string
	retry   bool
}

func (r refusal) Error() string { return r.message }

func (r refusal) hinted(format string, args ...any) refusal {
	r.hint = fmt.Sprintf(format, args...)
	return r
}

func malformed(format string, args ...any) refusal {
	return refusal{status: 400, kind: fetchshim.Refused, message: fmt.Sprintf(format, args...)}
}

func forbidden(message string) refusal {
	return refusal{status: 403, kind: fetchshim.Refused, message: message}
}

func tooLarge(host string, limit int64) refusal {
	return refusal{status: 502, kind: fetchshim.Refused, message: fmt.Sprintf("%s answers more than the %d bytes that are taken here", host, limit)}
}

// refusalOf gives an error of a way out the form of an answer.
func refusalOf(err error) refusal {
	var r refusal
	if errors.As(err, &r) {
		return r
	}
	var fault *fetchshim.Fault
	if !errors.As(err, &fault) {
		return refusal{status: 502, kind: fetchshim.Network, message: err.Error()}
	}
	r = refusal{status: 502, kind: fault.Kind, message: fault.Error()}
	switch fault.Kind {
	case fetchshim.Refused:
		r.status = 403
	case fetchshim.Timeout:
		r.status = 504
	}
	return r
}

// response is the refusal as JSON, marked as the relay's own.
func (r refusal) response(req *fetchshim.Request) *fetchshim.Response {
	var b struct {
		Error struct {
			Kind    fetchshim.FaultKind `json:"kind"`
			Message string              `json:"message"`
			Hint    string              `json:"hint,omitempty"`
		} `json:"error"`
	}
	b.Error.Kind, b.Error.Message, b.Error.Hint = r.kind, r.message, r.hint
	raw, err := json.Marshal(b)
	if err != nil { // strings always encode
		panic(err)
	}
	h := ownHeader()
	h.Add("Content-Type", "application/json")
	h.Add("Content-Length", strconv.Itoa(len(raw)))
	h.Add(Mark, "refused")
	if len(r.allow) > 0 {
		h.Add("Allow", strings.Join(r.allow, ", "))
	}
	if r.retry {
		h.Add("Retry-After", "1")
	}
	return &fetchshim.Response{Status: r.status, URL: req.URL, Header: h, Body: io.NopCloser(bytes.NewReader(raw))}
}
