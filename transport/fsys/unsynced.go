package fsys

import "context"

// UnsyncedHost is h whose directories leave it to the system when content and names reach the disk: a Sync returns at once. What
// was written is whole for whoever reads it, and survives the end of the process, but maybe not a power failure.
func UnsyncedHost(h WritableHost) WritableHost { return unsyncedHost{h} }

type unsyncedHost struct{ WritableHost }

func (h unsyncedHost) CreateDir(ctx context.Context, path string) (WritableDir, error) {
	d, err := h.WritableHost.CreateDir(ctx, path)
	if err != nil {
		return nil, err
	}
	return unsyncedDir{d}, nil
}

func (h unsyncedHost) Place(ctx context.Context, path string) (WritableDir, string, error) {
	d, name, err := h.WritableHost.Place(ctx, path)
	if err != nil {
		return nil, "", err
	}
	return unsyncedDir{d}, name, nil
}

type unsyncedDir struct{ WritableDir }

// Unwrap lets content.As find what the directory can do besides.
func (d unsyncedDir) Unwrap() any { return d.WritableDir }

func (d unsyncedDir) Append(ctx context.Context, name string) (Writer, error) {
	w, err := d.WritableDir.Append(ctx, name)
	if err != nil {
		return nil, err
	}
	return unsyncedWriter{w}, nil
}

func (unsyncedDir) Sync(_ context.Context, name string) error { return CheckName("sync", name) }

type unsyncedWriter struct{ Writer }

func (unsyncedWriter) Sync() error { return nil }
