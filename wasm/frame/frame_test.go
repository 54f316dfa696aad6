package frame_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/wasm/frame"
)

func TestRoundTrip(t *testing.T) {
	h := &frame.Header{
		Type: frame.Result, Call: math.MaxUint32, ID: math.MaxUint32, Off: math.MaxInt64,
		Header: [][2]string{{"Link", "a"}, {"Link", "b"}}, Value: json.RawMessage(`{"b":"<&>","a":1}`),
	}
	payload := bytes.Repeat([]byte{0xff}, frame.MaxPayload)
	b, err := frame.Encode(h, payload)
	require.NoError(t, err)
	got, rest, err := frame.Decode(b)
	require.NoError(t, err)
	require.Equal(t, h, got, "the JSON of a verb travels byte for byte")
	require.Equal(t, payload, rest)
}

func TestTooLarge(t *testing.T) {
	_, err := frame.Encode(&frame.Header{Type: frame.Body}, make([]byte, frame.MaxPayload+1))
	require.Error(t, err)
	_, err = frame.Encode(&frame.Header{Type: frame.Error, Text: string(make([]byte, frame.MaxHeader))}, nil)
	require.Error(t, err)
	b, err := frame.Encode(&frame.Header{Type: frame.Body}, make([]byte, frame.MaxPayload))
	require.NoError(t, err)
	_, _, err = frame.Decode(append(b, 0))
	require.Error(t, err)
}

func TestNoFrame(t *testing.T) {
	huge := binary.LittleEndian.AppendUint32(nil, math.MaxUint32)
	for _, b := range [][]byte{nil, {1}, {1, 0, 0, 0}, huge, append(huge, "{}"...), []byte("\x02\x00\x00\x00[]"), []byte("\x01\x00\x00\x00{")} {
		_, _, err := frame.Decode(b)
		require.Error(t, err, "%q", b)
	}
}

// TestHostLimits: what a host sends is smaller than what the guest may.
func TestHostLimits(t *testing.T) {
	list := func(n int) []byte {
		b, err := frame.Encode(&frame.Header{Type: frame.Hello, Capabilities: make([]string, n)}, []byte(",,,"))
		require.NoError(t, err)
		return b
	}
	_, _, err := frame.DecodeHost(list(frame.MaxHostValues - 2))
	require.NoError(t, err)
	_, _, err = frame.DecodeHost(list(frame.MaxHostValues))
	require.Error(t, err)
	_, _, err = frame.Decode(list(frame.MaxHostValues))
	require.NoError(t, err)
	for _, text := range []string{strings.Repeat(",", frame.MaxHostValues), strings.Repeat(`"\",`, frame.MaxHostValues)} {
		b, err := frame.Encode(&frame.Header{Type: frame.Fault, Text: text}, nil)
		require.NoError(t, err)
		_, _, err = frame.DecodeHost(b)
		require.NoError(t, err, "one value")
	}
	b, err := frame.Encode(&frame.Header{Type: frame.Fault, Text: strings.Repeat("x", frame.MaxHostHeader)}, nil)
	require.NoError(t, err)
	_, _, err = frame.DecodeHost(b)
	require.Error(t, err)
}

func FuzzFrame(f *testing.F) {
	for _, h := range []frame.Header{{Type: frame.Hello, ABI: 1}, {Type: frame.Body, ID: 1, EOF: true}, {Type: frame.Call, Call: 1, Verb: "version", Request: json.RawMessage("{}")}} {
		b, err := frame.Encode(&h, []byte("payload"))
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := frame.Decode(b)
		if err != nil {
			_, _, err = frame.DecodeHost(b)
			require.Error(t, err)
			return
		}
		again, err := frame.Encode(h, payload)
		require.NoError(t, err)
		h2, payload2, err := frame.Decode(again)
		require.NoError(t, err)
		third, err := frame.Encode(h2, payload2)
		require.NoError(t, err)
		require.Equal(t, string(again), string(third), "what was decoded encodes to the same frame for ever")
	})
}
