package fsys

import "context"

// Linker is a WritableDir that can give a file a second name instead of copying its bytes.
type Linker interface {
	// Link makes name, which is nobody else's, another name of the file f. It returns false where that cannot be: f is no
	// file of the same kind, or lies on another file system, or the platform does not allow it.
	Link(ctx context.Context, f File, name string) (bool, error)
}

// Filer is a [content.Blob] that is a file of its own, which is never changed: at most another one takes its name. That is
// what layouts and stores do with blobs, whose name is their digest.
type Filer interface {
	// File opens it. The size is the descriptor's; nothing else is verified.
	File(ctx context.Context) (File, error)
}
