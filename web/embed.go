// Package web holds the inspector page, to be served by the native binary.
package web

import (
	"embed"
	"io/fs"
)

// The pattern takes the folder dist.gz, which make builds of dist and git ignores, and dist.html, which stands in where it
// was not built: so a fresh clone compiles.
//
//go:embed all:dist.*
var files embed.FS

// Files is the page: index.html and what it loads, compressed under NAME.gz where that makes it smaller. Without a built page
// it is one file that says how to build it.
func Files() fs.FS {
	if built, err := fs.Sub(files, "dist.gz"); err == nil {
		if _, err := fs.Stat(built, "index.html.gz"); err == nil {
			return built
		}
	}
	return placeholder{}
}

type placeholder struct{}

// Open has index.html only.
func (placeholder) Open(name string) (fs.File, error) {
	if name != "index.html" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return files.Open("dist.html")
}
