package distspec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Code is an error code of the specification (section "Error Codes").
type Code string

// The codes this project gives.
const (
	BlobUnknown         Code = "BLOB_UNKNOWN"
	BlobUploadUnknown   Code = "BLOB_UPLOAD_UNKNOWN"
	ManifestBlobUnknown Code = "MANIFEST_BLOB_UNKNOWN"
	ManifestInvalid     Code = "MANIFEST_INVALID"
	DigestInvalid       Code = "DIGEST_INVALID"
	ManifestUnknown     Code = "MANIFEST_UNKNOWN"
	NameInvalid         Code = "NAME_INVALID"
	NameUnknown         Code = "NAME_UNKNOWN"
	Unauthorized        Code = "UNAUTHORIZED"
	Denied              Code = "DENIED"
	UnsupportedCode     Code = "UNSUPPORTED"
	TooManyRequests     Code = "TOOMANYREQUESTS"
	UnknownError        Code = "UNKNOWN"
)

// Error is one entry of an error body.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message,omitempty"`
}

type errorBody struct {
	Errors []Error `json:"errors"`
}

// EncodeErrors makes an error body.
func EncodeErrors(list ...Error) []byte {
	b, err := json.Marshal(errorBody{list})
	if err != nil { // strings always encode
		panic(err)
	}
	return b
}

// faults are the codes that say that the request itself is what is wrong.
var faults = []Code{"UNSUPPORTED", "DENIED", "NAME_INVALID", "TAG_INVALID", "DIGEST_INVALID", "SIZE_INVALID", "MANIFEST_INVALID", "MANIFEST_UNVERIFIED"}

// Fault is the first code of an error body that says nothing but that the request is at fault, so that the same one would be refused
// again; "" for any other body. What is unknown to a registry may be so because it lost its storage for a moment.
func Fault(body []byte) Code {
	var b errorBody
	if json.Unmarshal(body, &b) != nil || len(b.Errors) == 0 {
		return ""
	}
	for _, e := range b.Errors {
		if !slices.Contains(faults, e.Code) {
			return ""
		}
	}
	return b.Errors[0].Code
}

// excerptLen bounds what is shown of a body that is no error body, in bytes.
const excerptLen = 200

// maxErrors is how many of errors[] are shown.
const maxErrors = 5

// ErrorText says what an error body says, in one line: the messages of errors[], else what a token endpoint writes, else
// the beginning of the text with control characters removed. HTML is only named.
func ErrorText(body []byte) string {
	var b errorBody
	if json.Unmarshal(body, &b) == nil && len(b.Errors) > 0 {
		var out []string
		for _, e := range b.Errors[:min(len(b.Errors), maxErrors)] {
			out = append(out, printable(strings.Trim(fmt.Sprintf("%s: %s", e.Code, e.Message), ": ")))
		}
		return strings.Join(out, "; ")
	}
	var token struct {
		Details string `json:"details"`
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if json.Unmarshal(body, &token) == nil {
		for _, s := range []string{token.Details, token.Message, token.Error} {
			if s != "" {
				return printable(s)
			}
		}
	}
	text := strings.TrimSpace(string(body[:min(len(body), excerptLen)]))
	if strings.HasPrefix(text, "<") {
		return "it answered HTML, not the registry API"
	}
	return printable(text)
}

func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > 2*excerptLen {
		s = strings.ToValidUTF8(s[:2*excerptLen], "") + "…"
	}
	return strings.Join(strings.Fields(s), " ")
}
