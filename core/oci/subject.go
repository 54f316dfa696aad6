package oci

import (
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Subject is what d refers to, where it is a referrer
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md, "subject").
func (d Document) Subject() (v1.Descriptor, bool) {
	var m struct {
		Subject *v1.Descriptor `json:"subject"`
	}
	if Unmarshal(d.Raw, &m) != nil || m.Subject == nil || CheckDescriptor(*m.Subject) != nil {
		return v1.Descriptor{}, false
	}
	return *m.Subject, true
}
