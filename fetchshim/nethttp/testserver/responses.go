package testserver

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"

	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
)

func repeat(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Add("Link", `</v2/a>; rel="next"`)
	h.Add("Link", `</v2/b>; rel="prev"`)
	h.Add("WWW-Authenticate", `Basic realm="r"`)
	h.Add("WWW-Authenticate", `Bearer realm="https://auth.example/token",service="s"`)
	io.WriteString(w, "ok\n")
}

// status does not read a request body, as a registry that wants credentials first.
func status(w http.ResponseWriter, r *http.Request) {
	code := int(number(r, "code"))
	w.WriteHeader(code)
	if code != http.StatusNoContent {
		io.WriteString(w, http.StatusText(code)+"\n")
	}
}

func (s *server) sized(w http.ResponseWriter, r *http.Request) {
	n := number(r, "bytes")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	if r.Method != http.MethodHead {
		io.Copy(w, s.pattern.Reader(n)) // an error means that the client has gone
	}
}

func (s *server) gzip(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.Copy(z, s.pattern.Reader(number(r, "bytes"))) // a Buffer does not fail
	z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.Write(b.Bytes())
}

func (s *server) truncated(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", r.URL.Query().Get("bytes"))
	io.Copy(w, s.pattern.Reader(number(r, "send")))
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// stream counts a frame when the connection has taken it, which is when there was room in the socket's buffer.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	s.began(r)
	ctl := http.NewResponseController(w)
	content := s.pattern.Reader(number(r, "frames") * fetchtest.Frame)
	frame := make([]byte, fetchtest.Frame)
	for {
		n, err := io.ReadFull(content, frame)
		if err != nil {
			break
		}
		if _, err = w.Write(frame[:n]); err == nil {
			err = ctl.Flush()
		}
		if err != nil || r.Context().Err() != nil {
			s.broke(r)
			panic(http.ErrAbortHandler)
		}
		s.note(r, func(st *fetchtest.State) { st.Frames++ })
	}
	if r.URL.Query().Get("stall") != "" {
		s.wait(r.Context(), r)
	}
}

func redirect(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // a server that redirects without reading breaks off large uploads
	w.Header().Set("Location", r.URL.Query().Get("to"))
	w.WriteHeader(int(number(r, "status")))
	io.WriteString(w, "elsewhere\n")
}

func loop(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", "/loop")
	w.WriteHeader(http.StatusTemporaryRedirect)
}
