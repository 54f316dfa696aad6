package fetchtest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/stevedore-oci/stevedore/fetchshim"
)

func (s *suite) uploadSized() {
	for _, size := range []int64{1, 100_000, 5 << 20} {
		opens := 0
		e, _ := s.echo(&fetchshim.Request{
			Method: "PATCH", URL: s.s.A + "/upload?id=" + s.id(), Body: s.body(size, true, &opens)})
		if e.Bytes != size || !e.Intact {
			s.Errorf("%d bytes of %d arrived, intact %v", e.Bytes, size, e.Intact)
		}
		if e.Length != size && !s.o.Chunks {
			s.Errorf("Content-Length is %d, want %d", e.Length, size)
		}
		if opens != 1 {
			s.Errorf("the body was opened %d times", opens)
		}
	}
}

func (s *suite) uploadUnknown() {
	opens := 0
	req := &fetchshim.Request{Method: "PATCH", URL: s.s.A + "/upload?id=" + s.id(), Body: s.body(1_000_000, false, &opens)}
	if fetchshim.UploadOf(s.f) == fetchshim.UploadSized {
		_, err := s.f.Fetch(s.ctx, req)
		s.wantFault(err, fetchshim.Unsupported)
		return
	}
	if e, _ := s.echo(req); e.Bytes != 1_000_000 || !e.Intact {
		s.Errorf("%d bytes arrived, intact %v", e.Bytes, e.Intact)
	}
}

// uploadPipe writes a next frame only when the server has the one before. A Fetcher that gathers a body first never ends.
func (s *suite) uploadPipe() {
	const frames = 40 // more than a Fetcher may keep in memory to send it again
	form := fetchshim.UploadOf(s.f)
	if form == fetchshim.UploadBlob {
		s.Skip("this Fetcher holds a body in memory, and says so")
	}
	id := s.id()
	size := int64(-1)
	if form == fetchshim.UploadSized {
		size = frames * Frame
	}
	body := fetchshim.BodyFunc{Size: size, From: func(context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			content := s.pattern.Reader(frames * Frame)
			for off := int64(0); off < frames*Frame; off += Frame {
				if !s.reached(id, off) {
					w.CloseWithError(errors.New("the server did not get what was sent"))
					return
				}
				if _, err := io.CopyN(w, content, Frame); err != nil {
					return
				}
			}
			w.Close()
		}()
		return r, nil
	}}
	res := s.fetch(&fetchshim.Request{Method: "PUT", URL: s.s.A + "/upload?id=" + id, Body: body})
	var e Echo
	s.decode(res, &e)
	if e.Bytes != frames*Frame || !e.Intact {
		s.Errorf("%d bytes of %d arrived, intact %v", e.Bytes, frames*Frame, e.Intact)
	}
}

// reached waits until the server has read n bytes of the upload.
func (s *suite) reached(id string, n int64) bool {
	for start := time.Now(); time.Since(start) < 5*time.Second; time.Sleep(time.Millisecond) {
		if st, err := s.query(id); err == nil && st.Received >= n {
			return true
		}
	}
	return false
}

func (s *suite) uploadFails() {
	broken := errors.New("the source broke")
	opening := fetchshim.BodyFunc{Size: 100, From: func(context.Context) (io.ReadCloser, error) { return nil, broken }}
	reading := fetchshim.BodyFunc{Size: 5 << 20, From: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(s.pattern.Reader(1000), failing{broken})), nil
	}}
	late := fetchshim.BodyFunc{Size: 5 << 20, From: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(s.pattern.Reader(4<<20), failing{broken})), nil
	}}
	for name, body := range map[string]fetchshim.Body{"opening": opening, "reading": reading, "late": late} {
		id := s.id()
		res, err := s.f.Fetch(s.ctx, &fetchshim.Request{Method: "PUT", URL: s.s.A + "/upload?id=" + id, Body: body})
		if err == nil {
			res.Body.Close()
			s.Errorf("%s: a broken body was answered with status %d", name, res.Status)
		} else if !errors.Is(err, broken) {
			s.Errorf("%s: error %v hides the cause", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
