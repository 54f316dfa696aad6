// Package xfer is the copy engine: plan, move, commit. A [Plan] is made by reading manifests only; [Plan.Move] then brings every
// blob once, several at a time, and the manifests after them, children first and the tag last, so that whatever a tag names is
// whole. Where a blob exists already and what can be mounted is the Sink's business, which understands its endpoint.
package xfer

import (
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/clock"
	"github.com/stevedore-oci/stevedore/core/compress"
	"github.com/stevedore-oci/stevedore/core/content"
	"github.com/stevedore-oci/stevedore/core/event"
)

// Format is a family of media types that an image is written in.
type Format string

// The formats. Keep leaves every manifest as it was received.
const (
	Keep   Format = ""
	OCI    Format = "oci"
	Docker Format = "docker"
)

// Attestations says what happens to the children of an index that are BuildKit's attestations of another child
// (https://github.com/moby/buildkit/blob/v0.15.0/docs/attestations/attestation-storage.md).
type Attestations string

// What is done with them. Auto keeps those whose image is copied inside an index.
const (
	Auto Attestations = ""
	With Attestations = "keep"
	Drop Attestations = "drop"
)

// DefaultJobs is how many blobs, or images of a sync, are copied at once where nobody says.
const DefaultJobs = 4

// Options say what is copied and how. The zero value copies all there is, as it is.
type Options struct {
	// Platforms are the images to take of an index: for each the one that serves it best. None: all. One alone is taken out of
	// its index, unless Attestations is With.
	Platforms    []v1.Platform
	Attestations Attestations
	Format       Format
	// Compress is the compression that layers get: gzip or zstd; "" leaves them as they are.
	Compress compress.Kind
	// Referrers takes along what refers to each manifest that is copied, and what refers to that.
	Referrers bool
	// DigestTags takes along what cosign keeps under tags that are named by a digest: sha256-….sig, .att and .sbom.
	DigestTags bool
	// PreserveDigests makes everything that would change a digest an error of kind input.
	PreserveDigests bool
	// VerifyExisting reads again what the destination has and repairs what is corrupted, instead of comparing sizes.
	VerifyExisting bool
	// StatSource has Estimate look whether the source has what would be stored, and fail where it has not, as Move does. A bundle
	// need not have all; a registry would be asked for each blob.
	StatSource bool

	Jobs    int               // blobs at once; 0 means DefaultJobs
	MaxRate int64             // bytes a second that are read from the source, all blobs together; 0: no limit
	Event   func(event.Event) // nil: nobody listens
	Clock   clock.Clock       // nil: clock.System
	Yield   func()            // called at least once per 64 KiB; nil: not needed, and reads may be larger
}

func (o Options) withDefaults() Options {
	if o.Jobs <= 0 {
		o.Jobs = DefaultJobs
	}
	if o.Event == nil {
		o.Event = func(event.Event) {}
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	return o
}

// Report says what a copy did.
type Report struct {
	Root      v1.Descriptor // what the tags name at the destination
	Manifests int
	Written   int   // of the manifests: those that were not there, or not under that name or in the list of referrers
	Stored    Count // read from the source and written
	Existed   Count // there already
	Mounted   Count // taken over inside the registry
	Linked    Count // of those stored: what is one file with the source's now, where the file system can do that
	Repaired  int   // blobs that were there and corrupted
}

// Nothing says whether the destination stays, or stayed, as it was.
func (r Report) Nothing() bool {
	return r.Written == 0 && r.Stored.Blobs == 0 && r.Mounted.Blobs == 0 && r.Repaired == 0
}

// Count is a number of blobs and their bytes.
type Count struct {
	Blobs int   `json:"blobs"`
	Bytes int64 `json:"bytes"`
}

func (c *Count) add(bytes int64) {
	c.Blobs++
	c.Bytes += bytes
}

func (r *Report) count(how content.How, bytes int64) {
	switch how {
	case content.Existed:
		r.Existed.add(bytes)
	case content.Mounted:
		r.Mounted.add(bytes)
	case content.Linked:
		r.Linked.add(bytes)
		fallthrough // it was read, to verify it, and it is new there
	default:
		r.Stored.add(bytes)
	}
}
