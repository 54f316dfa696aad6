package oci

import (
	_ "crypto/sha256" // digests are checked before they are computed: link the algorithms
	_ "crypto/sha512"
	"encoding/json"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// maxValues bounds how many JSON values one document may hold. An empty object takes three bytes, and more than a hundred
// as a descriptor: 4 MiB of them would be 400. Documents of real images stay below this whatever their size, since an
// entry has a digest.
const maxValues = 1 << 18

// Unmarshal is json.Unmarshal for what somebody else wrote: it refuses more values than any document has before it makes
// them.
func Unmarshal(raw []byte, v any) error {
	if err := CheckValues(raw); err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// CheckValues refuses JSON with more values than any document has, for whoever decodes it by other means than Unmarshal.
func CheckValues(raw []byte) error {
	values, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '{' || c == '['):
			values++
		}
	}
	if values > maxValues {
		return fmt.Errorf("it has more than %d values", maxValues)
	}
	return nil
}

// Manifest decodes an image or artifact manifest and validates its descriptors.
func (d Document) Manifest() (v1.Manifest, error) {
	var m v1.Manifest
	subject := d.Digest().String()
	if d.IsIndex() {
		return m, errs.New(errs.Input, subject, "is an index, not a manifest")
	}
	if err := Unmarshal(d.Raw, &m); err != nil {
		return m, errs.New(errs.Input, subject, "manifest: %v", err)
	}
	// An artifact manifest of image-spec 1.1's drafts has no config.
	if m.Config.Digest != "" {
		if err := CheckDescriptor(m.Config); err != nil {
			return m, errs.Wrap(subject+": config", err)
		}
	}
	for i, l := range m.Layers {
		if err := CheckDescriptor(l); err != nil {
			return m, errs.Wrap(fmt.Sprintf("%s: layer %d", subject, i), err)
		}
	}
	return m, nil
}

// Index decodes an image index or Docker manifest list and validates its descriptors.
func (d Document) Index() (v1.Index, error) {
	var x v1.Index
	subject := d.Digest().String()
	if !d.IsIndex() {
		return x, errs.New(errs.Input, subject, "is a manifest, not an index")
	}
	if err := Unmarshal(d.Raw, &x); err != nil {
		return x, errs.New(errs.Input, subject, "index: %v", err)
	}
	for i, c := range x.Manifests {
		if err := CheckDescriptor(c); err != nil {
			return x, errs.Wrap(fmt.Sprintf("%s: manifests[%d]", subject, i), err)
		}
	}
	return x, nil
}

// IsImageConfig says whether a config of that media type describes a file system to run.
func IsImageConfig(mediaType string) bool {
	return mediaType == v1.MediaTypeImageConfig || mediaType == DockerConfig
}

// IsLayer says whether a blob of that media type is a file system layer.
func IsLayer(mediaType string) bool {
	switch mediaType {
	case v1.MediaTypeImageLayer, v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd,
		DockerLayer, DockerLayerGzip, DockerLayerZstd:
		return true
	}
	return IsForeign(mediaType)
}

// IsForeign says whether a layer of that media type is not meant to be distributed with the image.
func IsForeign(mediaType string) bool {
	switch mediaType {
	case foreignLayer, ForeignLayerGzip, foreignLayerZstd, DockerForeignLayer:
		return true
	}
	return false
}
