package fsys

import "context"

// step is how many bytes are read or written between two yields.
const step = 64 << 10

// YieldingHost calls yield after every 64 KiB at most that is read from what h opens: hosts that never preempt (a
// reactor, a browser) get their turn there. With a nil yield it is h.
func YieldingHost(h Host, yield func()) Host {
	if h == nil || yield == nil {
		return h
	}
	return yieldHost{h, yield}
}

// YieldingDir is YieldingHost for a directory that is also written to.
func YieldingDir(d WritableDir, yield func()) WritableDir {
	if d == nil || yield == nil {
		return d
	}
	return yieldWritable{d, yieldDir{d, yield}}
}

// YieldingWritableHost is YieldingHost for what is made.
func YieldingWritableHost(h WritableHost, yield func()) WritableHost {
	if h == nil || yield == nil {
		return h
	}
	return yieldMaker{h, yield}
}

type yieldMaker struct {
	WritableHost
	yield func()
}

func (h yieldMaker) CreateDir(ctx context.Context, path string) (WritableDir, error) {
	d, err := h.WritableHost.CreateDir(ctx, path)
	if err != nil {
		return nil, err
	}
	return YieldingDir(d, h.yield), nil
}

func (h yieldMaker) Place(ctx context.Context, path string) (WritableDir, string, error) {
	d, name, err := h.WritableHost.Place(ctx, path)
	if err != nil {
		return nil, "", err
	}
	return YieldingDir(d, h.yield), name, nil
}

type yieldHost struct {
	Host
	yield func()
}

func (h yieldHost) OpenFile(ctx context.Context, path string) (File, error) {
	return yieldFileOf(h.yield)(h.Host.OpenFile(ctx, path))
}

func (h yieldHost) OpenDir(ctx context.Context, path string) (Dir, error) {
	d, err := h.Host.OpenDir(ctx, path)
	if err != nil {
		return nil, err
	}
	return yieldDir{d, h.yield}, nil
}

type yieldDir struct {
	Dir
	yield func()
}

func (d yieldDir) Open(ctx context.Context, name string) (File, error) {
	return yieldFileOf(d.yield)(d.Dir.Open(ctx, name))
}

type yieldWritable struct {
	WritableDir
	read yieldDir
}

// Unwrap lets content.As find what the directory can do besides.
func (d yieldWritable) Unwrap() any { return d.WritableDir }

func (d yieldWritable) Open(ctx context.Context, name string) (File, error) {
	return d.read.Open(ctx, name)
}

func (d yieldWritable) Append(ctx context.Context, name string) (Writer, error) {
	w, err := d.WritableDir.Append(ctx, name)
	if err != nil {
		return nil, err
	}
	return yieldWriter{w, d.read.yield}, nil
}

func yieldFileOf(yield func()) func(File, error) (File, error) {
	return func(f File, err error) (File, error) {
		if err != nil {
			return nil, err
		}
		return yieldFile{f, yield}, nil
	}
}

type yieldFile struct {
	File
	yield func()
}

// Unwrap lets content.As find what the file is besides.
func (f yieldFile) Unwrap() any { return f.File }

func (f yieldFile) ReadAt(p []byte, off int64) (int, error) {
	return inSteps(p, f.yield, func(p []byte, done int) (int, error) { return f.File.ReadAt(p, off+int64(done)) })
}

type yieldWriter struct {
	Writer
	yield func()
}

func (w yieldWriter) Write(p []byte) (int, error) {
	return inSteps(p, w.yield, func(p []byte, _ int) (int, error) { return w.Writer.Write(p) })
}

// inSteps does an operation on p in parts of at most step bytes and yields after each.
func inSteps(p []byte, yield func(), do func(p []byte, done int) (int, error)) (int, error) {
	done := 0
	for {
		n, err := do(p[done:min(done+step, len(p))], done)
		done += n
		yield()
		if err != nil || done == len(p) {
			return done, err
		}
	}
}
