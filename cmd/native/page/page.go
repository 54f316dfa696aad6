// Package page serves the inspector page: files that were built beforehand, under headers that leave a hostile image nothing
// to run.
package page

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options configure a [Handler].
type Options struct {
	// Files is the page. Beside NAME or in its place there may be NAME.gz, the same compressed.
	Files fs.FS
	// Hosts are the values of the Host header that are answered, with the port.
	Hosts []string
	// Connect are origins that the page may ask beside its own and every site over HTTPS.
	Connect []string
}

// Handler serves the page. It is safe for concurrent use.
type Handler struct {
	o      Options
	policy string

	mu   sync.Mutex
	tags map[string]string // file → entity tag
}

// New makes a Handler.
func New(o Options) *Handler {
	return &Handler{o: o, policy: contentSecurityPolicy(o.Connect), tags: map[string]string{}}
}

// ServeHTTP answers GET and HEAD for a file. Another Host is answered 421: a stranger's name that resolves to this machine must
// not make this page the stranger's (DNS rebinding).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header(), h.policy)
	if !slices.Contains(h.o.Hosts, strings.ToLower(r.Host)) {
		http.Error(w, "this server goes by another name", http.StatusMisdirectedRequest)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	if err := h.serve(w, r, name); err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			status = http.StatusNotFound
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, http.StatusText(status), status)
	}
}

// serve picks the form of the file that the client takes.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string) error {
	packed, err := h.open(name + ".gz")
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if packed != nil {
		defer packed.Close()
		w.Header().Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			w.Header().Set("Content-Encoding", "gzip")
			return h.send(w, r, name, name+".gz", packed)
		}
	}
	plain, err := h.open(name)
	if err == nil {
		defer plain.Close()
		return h.send(w, r, name, name, plain)
	}
	if packed == nil {
		return err
	}
	return h.unpack(w, r, name, packed)
}

// open opens a file, and no folder.
func (h *Handler) open(name string) (fs.File, error) {
	f, err := h.o.Files.Open(name)
	if err != nil {
		return nil, err
	}
	about, err := f.Stat()
	if err == nil && about.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, name, stored string, f fs.File) error {
	seeker, ok := f.(io.ReadSeeker)
	if !ok {
		return errors.New(stored + ": cannot be read twice")
	}
	tag, err := h.tag(stored, seeker)
	if err != nil {
		return err
	}
	describe(w.Header(), name, tag)
	http.ServeContent(w, r, name, time.Time{}, seeker)
	return nil
}

// unpack serves a file that is there in its compressed form only to a client that does not take it.
func (h *Handler) unpack(w http.ResponseWriter, r *http.Request, name string, f fs.File) error {
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	describe(w.Header(), name, "")
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(w, z); err != nil {
		panic(http.ErrAbortHandler) // the head is out: a break must not look like the end
	}
	return nil
}

// tag is made of the content, once for each file.
func (h *Handler) tag(name string, f io.ReadSeeker) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.tags[name]; t != "" {
		return t, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h.tags[name] = `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
	return h.tags[name], nil
}

// takesGzip reads Accept-Encoding as far as browsers write it (RFC 9110 section 12.5.3).
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(part, ";")
		if name := strings.TrimSpace(name); name == "gzip" || name == "*" {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(q), "q="), "0.") != "" || q == ""
		}
	}
	return false
}

// mediaType does not ask the machine, whose table may say anything of .js.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".wasm":
		return "application/wasm" // WebAssembly.compileStreaming takes no other
	case ".json", ".map":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
