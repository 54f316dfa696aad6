// Package frame is the wire format between the reactor and its host (docs/ABI.md): a 4-byte little-endian header length,
// a JSON header, then raw bytes. Both the guest and the Go host use it; it imports the standard library only.
package frame

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// ABI is the version of the contract that stevedore_abi returns.
const ABI = 1

// MaxPayload is how many raw bytes one frame carries at most.
const MaxPayload = 64 << 10

// MaxHeader bounds a header in bytes; the result of a verb has to fit.
const MaxHeader = 16 << 20

// MaxFrame is the size of the largest frame in bytes.
const MaxFrame = 4 + MaxHeader + MaxPayload

// What a host may send is smaller, since the guest's memory never shrinks: headers of MaxHostHeader bytes, with
// MaxHostValues values in them. A list of empty values takes many times as much memory as JSON.
const (
	MaxHostHeader = 4 << 20
	MaxHostValues = 1 << 18
	MaxHostFrame  = 4 + MaxHostHeader + MaxPayload
	MaxRequest    = 1 << 20 // bytes of the request of a call
)

// Type names a frame.
type Type string

// Frames of the guest.
const (
	Hello      Type = "hello" // both ways
	Fetch      Type = "fetch"
	Read       Type = "read"
	Write      Type = "write"
	Close      Type = "close"
	Timer      Type = "timer"
	Open       Type = "open"
	Pread      Type = "pread"
	Credential Type = "credential" // both ways
	Event      Type = "event"
	Item       Type = "item"
	Output     Type = "output"
	Result     Type = "result"
	Error      Type = "error"
)

// Frames of the host.
const (
	Call     Type = "call"
	Cancel   Type = "cancel"
	Response Type = "response"
	Fault    Type = "fault"
	Body     Type = "body"
	Ready    Type = "ready"
	Rewind   Type = "rewind"
	Fired    Type = "fired"
	Opened   Type = "opened"
	Data     Type = "data"
)

// Header is the JSON of every frame; each type uses the fields that docs/ABI.md lists for it.
type Header struct {
	Type Type   `json:"type"`
	Call uint32 `json:"call,omitempty"` // the verb call it belongs to
	ID   uint32 `json:"id,omitempty"`   // a fetch, timer, open or credential, numbered by the guest from 1

	ABI          int      `json:"abi,omitempty"`          // hello
	Verbs        []string `json:"verbs,omitempty"`        // hello of the guest
	Version      string   `json:"version,omitempty"`      // hello of the guest
	Platform     string   `json:"platform,omitempty"`     // hello of the host: os/arch[/variant]
	Upload       string   `json:"upload,omitempty"`       // hello of the host: stream, sized or blob
	Capabilities []string `json:"capabilities,omitempty"` // hello of the host
	PlainHTTP    []string `json:"plainHttp,omitempty"`    // hello of the host: registries (host:port) reached without TLS

	Method   string      `json:"method,omitempty"`   // fetch
	URL      string      `json:"url,omitempty"`      // fetch, response (after redirects)
	Header   [][2]string `json:"header,omitempty"`   // fetch, response
	Redirect string      `json:"redirect,omitempty"` // fetch: follow or manual
	Body     *BodyInfo   `json:"body,omitempty"`     // fetch with a body
	Status   int         `json:"status,omitempty"`   // response

	Max int   `json:"max,omitempty"` // read: send up to so many bytes; pread: n
	Off int64 `json:"off,omitempty"` // pread
	EOF bool  `json:"eof,omitempty"` // body, write, output: the last of it

	Pass uint32 `json:"pass,omitempty"` // write: how many rewinds came before this piece

	MS int64 `json:"ms,omitempty"` // timer

	Name    string  `json:"name,omitempty"`    // open, output
	Kind    string  `json:"kind,omitempty"`    // fault and error: the kind; opened: file or dir
	Size    int64   `json:"size,omitempty"`    // opened file, bytes
	Entries []Entry `json:"entries,omitempty"` // opened dir
	Text    string  `json:"text,omitempty"`    // fault, error
	Hint    string  `json:"hint,omitempty"`    // error

	Registry string `json:"registry,omitempty"` // credential of the guest
	Username string `json:"username,omitempty"` // credential of the host
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`

	Verb    string          `json:"verb,omitempty"`    // call
	Request json.RawMessage `json:"request,omitempty"` // call
	Value   json.RawMessage `json:"value,omitempty"`   // event, item, result
	Stream  uint32          `json:"stream,omitempty"`  // output and its ready
}

// BodyInfo announces the body of a fetch.
type BodyInfo struct {
	Kind string `json:"kind"` // bytes: one write frame holds all of it; stream: as many as it takes
	Len  int64  `json:"len"`  // bytes, -1 where not known
}

// Entry is one name in an opened directory.
type Entry struct {
	Name string `json:"name"`
	Dir  bool   `json:"dir,omitempty"`
	Size int64  `json:"size,omitempty"`
}

// Encode returns one frame. It fails for broken JSON in h and for what is larger than a frame may be.
func Encode(h *Header, payload []byte) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // the JSON of a verb travels as it is
	if err := e.Encode(h); err != nil {
		return nil, err
	}
	head := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(head) > MaxHeader || len(payload) > MaxPayload {
		return nil, fmt.Errorf("%s frame is too large: a header of %d bytes, a payload of %d", h.Type, len(head), len(payload))
	}
	b := make([]byte, 4, 4+len(head)+len(payload))
	binary.LittleEndian.PutUint32(b, uint32(len(head)))
	b = append(b, head...)
	return append(b, payload...), nil
}

// EncodeHost is Encode with the limits for frames of the host.
func EncodeHost(h *Header, payload []byte) ([]byte, error) {
	b, err := Encode(h, payload)
	if err != nil {
		return nil, err
	}
	return b, fits(b)
}

// DecodeHost is Decode with the limits for frames of the host.
func DecodeHost(b []byte) (*Header, []byte, error) {
	if err := fits(b); err != nil {
		return nil, nil, err
	}
	return Decode(b)
}

// fits says whether a frame keeps to the limits of the host's.
func fits(b []byte) error {
	if len(b) < 4 {
		return nil // and no frame at all
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n > MaxHostHeader {
		return fmt.Errorf("frame header of %d bytes is larger than the %d of a host", n, MaxHostHeader)
	}
	if head := b[4:min(int64(len(b)), 4+n)]; bytes.Count(head, []byte(",")) >= MaxHostValues && commas(head) >= MaxHostValues {
		return fmt.Errorf("frame header has more than %d values", MaxHostValues)
	}
	return nil
}

// commas counts those of JSON that are not in strings: each value but the first follows one.
func commas(head []byte) (n int) {
	quoted := false
	for i := 0; i < len(head); i++ {
		switch c := head[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			n++
		}
	}
	return n
}

// Decode splits a frame; the payload is part of b. It fails for what is no frame and never panics.
func Decode(b []byte) (*Header, []byte, error) {
	if len(b) < 4 {
		return nil, nil, fmt.Errorf("frame of %d bytes has no header length", len(b))
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n > MaxHeader || n > uint64(len(b)-4) {
		return nil, nil, fmt.Errorf("frame of %d bytes says its header has %d", len(b), n)
	}
	h := new(Header)
	if err := json.Unmarshal(b[4:4+n], h); err != nil {
		return nil, nil, fmt.Errorf("frame header: %w", err)
	}
	payload := b[4+n:]
	if len(payload) > MaxPayload {
		return nil, nil, fmt.Errorf("%s frame has a payload of %d bytes, more than %d", h.Type, len(payload), MaxPayload)
	}
	return h, payload, nil
}
