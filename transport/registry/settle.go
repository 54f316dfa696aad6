package registry

import (
	"context"
	"strings"

	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/distspec"
	"github.com/stevedore-oci/stevedore/core/oci"
	"github.com/stevedore-oci/stevedore/fetchshim"
)

// settleTries is how often a manifest is sent to a registry that says that it has not what the manifest lists.
const settleTries = 4

// settled sends a manifest, and again where the registry does not find what it confirmed before: docker-registry 2.8 on a file system
// empties the link of a blob for a moment whenever somebody else pushes the same blob or manifest to the same repository.
func (s *sink) settled(ctx context.Context, ident string, doc oci.Document) (*fetchshim.Response, error) {
	subject := s.subject(ident)
	for try := 1; ; try++ {
		resp, err := s.put(ctx, s.request("PUT", distspec.Manifest, ident), subject, doc)
		if err != nil || resp.Status != 400 && resp.Status != 404 {
			return resp, err
		}
		resp.Body = excerpt(resp.Body)
		// BLOB_UNKNOWN is part of the code that registries give, MANIFEST_BLOB_UNKNOWN
		if try >= settleTries || content.IsOnce(ctx) || !strings.Contains(said(resp), string(distspec.BlobUnknown)) {
			return resp, nil
		}
		if err := s.pause(ctx, subject, "manifest: "+said(resp), backoff(try)/2); err != nil {
			return nil, err
		}
	}
}
