package xfer

import (
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/event"
	"github.com/stevedore-oci/stevedore/core/oci"
)

// mediaTypeIn is the media type that a manifest or index of type mt has in format f.
func mediaTypeIn(f Format, mt string) string {
	switch {
	case f == OCI && mt == oci.DockerManifest:
		return v1.MediaTypeImageManifest
	case f == OCI && mt == oci.DockerManifestList:
		return v1.MediaTypeImageIndex
	case f == Docker && mt == v1.MediaTypeImageManifest:
		return oci.DockerManifest
	case f == Docker && mt == v1.MediaTypeImageIndex:
		return oci.DockerManifestList
	}
	return mt
}

func configIn(f Format) string {
	if f == Docker {
		return oci.DockerConfig
	}
	return v1.MediaTypeImageConfig
}

// layerTypes pairs the media types of layers: OCI, then Docker
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md#compatibility-matrix).
var layerTypes = [][2]string{
	{v1.MediaTypeImageLayer, oci.DockerLayer},
	{v1.MediaTypeImageLayerGzip, oci.DockerLayerGzip},
	{oci.ForeignLayerGzip, oci.DockerForeignLayer},
}

// layerIn is the media type of a layer in format f. Kind unsupported where that has none.
func layerIn(f Format, mt, subject string) (string, error) {
	from, to := 0, 1
	if f == OCI {
		from, to = 1, 0
	}
	for _, pair := range layerTypes {
		if pair[from] == mt || pair[to] == mt {
			return pair[to], nil
		}
	}
	if f == OCI && mt == oci.DockerLayerZstd || mt == v1.MediaTypeImageLayerZstd {
		if f == OCI {
			return v1.MediaTypeImageLayerZstd, nil
		}
		return "", errs.New(errs.Unsupported, subject, "is compressed with zstd, which the Docker format does not have").
			Hinted("compress the layers anew: --compress gzip")
	}
	err := errs.New(errs.Unsupported, subject, "has the media type %s, which the %s format does not have", mt, f)
	if mt == oci.InToto {
		return "", err.Hinted("leave the attestations out: --attestations drop")
	}
	return "", err
}

// convertible refuses to convert what the other format cannot say.
func (p *Plan) convertible(n *node, subject string) error {
	if n.manifest.ArtifactType == "" && n.manifest.Subject == nil && oci.IsImageConfig(n.manifest.Config.MediaType) {
		return nil
	}
	return errs.New(errs.Unsupported, subject, "is an artifact, which cannot be written in the %s format", p.o.Format)
}

// dropAnnotations removes what the Docker format does not have, and says so once.
func (p *Plan) dropAnnotations(o *oci.Object) {
	if o.Delete("annotations") {
		p.warned.Do(func() {
			p.o.Event(event.Event{Kind: event.Warning, Subject: p.subject, Message: "the Docker format has no annotations; they are left out"})
		})
	}
}
