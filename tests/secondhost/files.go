package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// input opens a file or directory that the command line names and gives its bytes as they are asked for.
func (s *session) input(t *task, f frame) {
	file, err := s.find(f.Name)
	if err != nil {
		t.fault(fileKind(err), err)
		return
	}
	defer file.Close()
	h, err := opened(file)
	if err != nil {
		t.fault(fileKind(err), err)
		return
	}
	for ok := t.send(h, nil, false); ok; {
		select {
		case r := <-t.reads:
			ok = t.data(file, r)
		case <-t.ctx.Done():
			ok = false
		}
	}
}

// find looks for the input that has the name, or for one that is a directory above it.
func (s *session) find(name string) (*os.File, error) {
	for _, in := range s.o.inputs {
		if in[0] == name {
			return os.Open(in[1])
		}
		if rest, ok := strings.CutPrefix(name, in[0]+"/"); ok {
			root, err := os.OpenRoot(in[1])
			if err != nil {
				return nil, err
			}
			defer root.Close()
			return root.Open(rest)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func opened(file *os.File) (header, error) {
	info, err := file.Stat()
	if err != nil {
		return header{}, err
	}
	if !info.IsDir() {
		return header{Type: "opened", Kind: "file", Size: info.Size()}, nil
	}
	h := header{Type: "opened", Kind: "dir"}
	list, err := file.ReadDir(-1)
	if err != nil {
		return h, err
	}
	for _, e := range list {
		// Links are left out: where they lead is found when their name is opened.
		if info, err := e.Info(); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			h.Entries = append(h.Entries, entry{Name: e.Name(), Dir: info.IsDir(), Size: info.Size()})
		}
	}
	return h, nil
}

// data answers one pread; false when the file cannot be read.
func (t *task) data(file *os.File, r frame) bool {
	buf := make([]byte, min(r.Max, maxPayload))
	n, err := file.ReadAt(buf, r.Off)
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		t.fault(fileKind(err), err)
		return false
	}
	return t.send(header{Type: "data"}, buf[:n], false)
}

func fileKind(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "not_found"
	case errors.Is(err, fs.ErrPermission):
		return "refused"
	}
	return "internal"
}
