package archive

import (
	"context"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/fsys"
	"github.com/stevedore-oci/stevedore/transport/layout"
)

// The files by which Docker's archives are known (https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md, and v1.0
// for repositories).
const (
	manifestFile     = "manifest.json"
	repositoriesFile = "repositories"
)

// OpenOCI opens a tar of an OCI layout, the scheme oci-archive:, also one that docker save wrote with an index.json in
// it. It owns f as [OpenDir] does.
func OpenOCI(ctx context.Context, f fsys.File, subject string, o Options) (*layout.Source, error) {
	d, err := OpenDir(ctx, f, subject, o)
	if err != nil {
		return nil, err
	}
	docker := d.has(manifestFile) || d.has(repositoriesFile)
	if !d.has(v1.ImageIndexFile) && docker {
		_ = d.Close()
		return nil, errs.New(errs.Input, subject, "is not an OCI archive: has no %s", v1.ImageIndexFile).
			Hinted("docker save wrote it: read it with docker-archive:")
	}
	s, err := layout.Open(ctx, d, subject)
	if err != nil {
		return nil, err
	}
	if len(s.Entries()) == 0 && docker {
		_ = s.Close()
		return nil, errs.New(errs.Input, subject, "lists no image in its %s", v1.ImageIndexFile).
			Hinted("docker save wrote it: read it with docker-archive:")
	}
	return s, nil
}
