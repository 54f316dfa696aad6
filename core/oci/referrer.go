package oci

import (
	"cmp"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Referrer is the descriptor of d as a list of referrers has it, with artifact type and annotations, and whether d refers to
// subject at all (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers). An empty
// subject stands for any.
func (d Document) Referrer(subject digest.Digest) (v1.Descriptor, bool) {
	var m struct {
		ArtifactType string            `json:"artifactType"`
		Config       v1.Descriptor     `json:"config"`
		Subject      *v1.Descriptor    `json:"subject"`
		Annotations  map[string]string `json:"annotations"`
	}
	if err := Unmarshal(d.Raw, &m); err != nil || m.Subject == nil || subject != "" && m.Subject.Digest != subject {
		return v1.Descriptor{}, false
	}
	desc := d.Descriptor()
	desc.Annotations = m.Annotations
	// An index has no config, and so no type but its own.
	desc.ArtifactType = cmp.Or(m.ArtifactType, m.Config.MediaType)
	return desc, true
}
