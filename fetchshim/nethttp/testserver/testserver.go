// Package testserver runs the server that fetchtest.Suite talks to, on two origins of the loopback interface. Only tests
// import it. It answers every origin's page (CORS), so the suite can run inside a browser.
package testserver

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/stevedore-oci/stevedore/fetchshim/fetchtest"
)

// Start runs the server until tb's test ends. The paths are listed at [fetchtest.Server].
func Start(tb testing.TB) fetchtest.Server {
	tb.Helper()
	h := Handler()
	a, b := httptest.NewServer(h), httptest.NewServer(h)
	tb.Cleanup(func() {
		for _, s := range []*httptest.Server{a, b} {
			s.CloseClientConnections()
			s.Close()
		}
	})
	return fetchtest.Server{A: a.URL, B: b.URL, Dead: dead(tb)}
}

// dead is the URL of a port that was free a moment ago.
func dead(tb testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// Handler is the server without a listener. Both origins are served by one Handler, which is where they share state.
func Handler() http.Handler {
	s := &server{pattern: fetchtest.NewPattern(), states: map[string]*fetchtest.State{}}
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"/echo":          s.upload,
		"/echo/":         s.upload,
		"/upload":        s.upload,
		"/repeat":        repeat,
		"/status":        status,
		"/sized":         s.sized,
		"/gzip":          s.gzip,
		"/truncated":     s.truncated,
		"/stream":        s.stream,
		"/hold":          s.hold,
		"/redirect":      redirect,
		"/loop":          loop,
		"/control/state": s.control,
	} {
		mux.HandleFunc(path, h)
	}
	return cors(mux)
}

// cors allows every page everything (https://fetch.spec.whatwg.org/#http-cors-protocol). Authorization is not covered by
// "*", so the names asked for are repeated.
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
			h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type server struct {
	pattern fetchtest.Pattern

	mu     sync.Mutex
	states map[string]*fetchtest.State
}

// note changes the state of a request's id; requests without one leave no trace.
func (s *server) note(r *http.Request, change func(*fetchtest.State)) {
	id := r.URL.Query().Get("id")
	if id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states[id] == nil {
		s.states[id] = &fetchtest.State{}
	}
	change(s.states[id])
}

func (s *server) began(r *http.Request) { s.note(r, func(st *fetchtest.State) { st.Requests++ }) }

func (s *server) broke(r *http.Request) { s.note(r, func(st *fetchtest.State) { st.Closed = true }) }

func (s *server) control(w http.ResponseWriter, r *http.Request) {
	var st fetchtest.State
	s.mu.Lock()
	if known := s.states[r.URL.Query().Get("id")]; known != nil {
		st = *known
	}
	s.mu.Unlock()
	answer(w, st)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(v) // an error means that the client has gone
}

// upload answers an Echo, and counts the body as it comes.
func (s *server) upload(w http.ResponseWriter, r *http.Request) {
	s.began(r)
	e := fetchtest.Echo{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Length: r.ContentLength, Intact: true, Header: [][2]string{}}
	for name, values := range r.Header {
		for _, v := range values {
			e.Header = append(e.Header, [2]string{name, v})
		}
	}
	buf := make([]byte, fetchtest.Frame)
	for {
		n, err := r.Body.Read(buf)
		e.Intact = e.Intact && s.pattern.Check(e.Bytes, buf[:n]) == nil
		e.Bytes += int64(n)
		s.note(r, func(st *fetchtest.State) { st.Received += int64(n) })
		if err == io.EOF {
			answer(w, e)
			return
		}
		if err != nil {
			s.broke(r)
			panic(http.ErrAbortHandler)
		}
	}
}

func (s *server) hold(_ http.ResponseWriter, r *http.Request) {
	s.began(r)
	s.wait(r.Context(), r)
	panic(http.ErrAbortHandler)
}

func (s *server) wait(ctx context.Context, r *http.Request) {
	<-ctx.Done()
	s.broke(r)
}

func number(r *http.Request, name string) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
