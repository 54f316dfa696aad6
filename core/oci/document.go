// Package oci is the part of the image specification that every verb needs: documents as received, their decoded
// view over image-spec's own types, platforms, and the limits on what is read whole.
package oci

import (
	"encoding/json"
	"errors"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Limits on what is read whole, in bytes. The distribution specification asks registries to take manifests of 4 MiB
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
const (
	MaxManifest = 4 << 20
	MaxConfig   = 8 << 20
	MaxError    = 64 << 10
)

// Media types that image-spec's Go package does not name.
const (
	DockerManifest     = "application/vnd.docker.distribution.manifest.v2+json"
	DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerSchema1      = "application/vnd.docker.distribution.manifest.v1+json"
	DockerSchema1Sig   = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	DockerConfig       = "application/vnd.docker.container.image.v1+json"
	DockerLayer        = "application/vnd.docker.image.rootfs.diff.tar"
	DockerLayerGzip    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	DockerLayerZstd    = "application/vnd.docker.image.rootfs.diff.tar.zstd"
	DockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	// Layers that are not distributed with their image; image-spec deprecates them, and they are still found
	// (https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers).
	foreignLayer     = "application/vnd.oci.image.layer.nondistributable.v1.tar"
	ForeignLayerGzip = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
	foreignLayerZstd = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
	// InToto is an attestation (https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/envelope.md).
	InToto = "application/vnd.in-toto+json"
)

// ManifestTypes are the media types of manifests and indexes, in the order they are asked for.
var ManifestTypes = []string{v1.MediaTypeImageIndex, DockerManifestList, v1.MediaTypeImageManifest, DockerManifest}

// Document is a manifest or index exactly as received. Digests are of Raw. Nothing re-serialises it silently.
type Document struct {
	MediaType string
	Raw       []byte
	Algorithm digest.Algorithm // of the digest that it goes by where it is; "" for SHA-256
}

// Digest is that of Raw.
func (d Document) Digest() digest.Digest {
	if d.Algorithm != "" {
		return d.Algorithm.FromBytes(d.Raw)
	}
	return digest.FromBytes(d.Raw)
}

// Under is d where it goes by a digest, which is valid.
func (d Document) Under(known digest.Digest) Document {
	d.Algorithm = known.Algorithm()
	if d.Algorithm == digest.SHA256 {
		d.Algorithm = ""
	}
	return d
}

// Descriptor is media type, digest and size of d.
func (d Document) Descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest(), Size: int64(len(d.Raw))}
}

// IsIndex says whether d is an image index or a Docker manifest list.
func (d Document) IsIndex() bool {
	return d.MediaType == v1.MediaTypeImageIndex || d.MediaType == DockerManifestList
}

// NewDocument finds the media type of raw: what it says of itself, else hint (a Content-Type or a descriptor's media
// type), else by its fields. Where both are there and both are known they must agree, and the fields with them; none is
// called as another one but for the case, since decoders differ in what they take for the same. Content that can be read as
// two things is an attack (image-spec manifest.md, "mediaType", and CVE-2021-41190). It fails with kind input for what is
// no JSON object, verification for two meanings, and unsupported for schema 1.
func NewDocument(raw []byte, hint, subject string) (Document, error) {
	h, err := readHead(raw)
	if err != nil {
		return Document{}, errs.New(errs.Input, subject, "is not a manifest: %v", jsonCause(raw, err))
	}
	hint = strings.TrimSpace(strings.ToLower(strings.SplitN(hint, ";", 2)[0]))
	mt := h.mediaType
	index, manifest := h.given("manifests"), h.given("layers") || h.given("config")
	switch {
	case h.version == 1 || mt == DockerSchema1 || mt == DockerSchema1Sig || h.given("fsLayers") && mt == "":
		return Document{}, errs.New(errs.Unsupported, subject, "is a Docker schema 1 manifest, a format that ended in 2015").
			Hinted("push the image again with any current tool; that converts it")
	case h.twin != "":
		return Document{}, errs.New(errs.Verification, subject, "has the member %q, which some readers take for another one", h.twin)
	case index && manifest:
		return Document{}, errs.New(errs.Verification, subject, "can be read as an index and as a manifest")
	case mt == "" && known(hint):
		mt = hint
	case mt == "" && index:
		mt = v1.MediaTypeImageIndex
	case mt == "":
		mt = v1.MediaTypeImageManifest
	case known(mt) && known(hint) && mt != hint:
		return Document{}, errs.New(errs.Verification, subject, "says it is %s but was announced as %s", mt, hint)
	}
	d := Document{MediaType: mt, Raw: raw}
	if known(mt) && (d.IsIndex() && manifest || !d.IsIndex() && index) {
		return Document{}, errs.New(errs.Verification, subject, "is called %s and has the fields of something else", mt)
	}
	return d, nil
}

// head is what tells what a document is.
type head struct {
	version   int
	mediaType string
	members   map[string]json.RawMessage
	twin      string // a member that differs from one of those by its case only
}

// telling are the members that head is made of.
var telling = []string{"schemaVersion", "mediaType", "manifests", "layers", "config", "fsLayers"}

func readHead(raw []byte) (h head, err error) {
	if err := Unmarshal(raw, &h.members); err != nil {
		return h, err
	}
	for name := range h.members {
		for _, one := range telling {
			if name != one && strings.EqualFold(name, one) {
				h.twin = name
			}
		}
	}
	for name, to := range map[string]any{"schemaVersion": &h.version, "mediaType": &h.mediaType} {
		if h.given(name) {
			err = errors.Join(err, json.Unmarshal(h.members[name], to))
		}
	}
	return h, err
}

// given says whether a member is there and not null.
func (h head) given(name string) bool {
	value, ok := h.members[name]
	return ok && string(value) != "null"
}

func known(mt string) bool { return slices.Contains(ManifestTypes, mt) }

// jsonCause says something better than a decoder's complaint about the first byte when the content is not JSON at all.
func jsonCause(raw []byte, err error) string {
	s := strings.TrimSpace(string(raw[:min(len(raw), 64)]))
	switch {
	case s == "":
		return "it is empty"
	case strings.HasPrefix(s, "<"):
		return "it is HTML or XML, not JSON"
	}
	return err.Error()
}

// HashDigest is the digest of what was written to h.
func HashDigest(a digest.Algorithm, h hash.Hash) digest.Digest { return digest.NewDigest(a, h) }

// ReadLimited reads all of r, or fails with kind input when there is more than limit bytes.
func ReadLimited(r io.Reader, limit int64, subject string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, errs.Wrap(subject, err)
	}
	if int64(len(b)) > limit {
		return nil, errs.New(errs.Input, subject, "is larger than the %d bytes allowed here", limit)
	}
	return b, nil
}

// CheckDescriptor says what is wrong with a descriptor before its digest becomes a path or its size a limit
// (image-spec descriptor.md, https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md).
func CheckDescriptor(d v1.Descriptor) error {
	if err := CheckDigest(d.Digest.String()); err != nil {
		return err
	}
	if d.Size < 0 {
		return errs.New(errs.Input, d.Digest.String(), "has the negative size %d", d.Size)
	}
	return nil
}

// CheckDigest accepts sha256, sha384 and sha512 in lower-case hex of the right length.
func CheckDigest(s string) error {
	if err := digest.Digest(s).Validate(); err != nil {
		return errs.New(errs.Input, s, "is not a digest: %v", err)
	}
	return nil
}
