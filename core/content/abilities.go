package content

import "context"

// Prober is a Source that can find out what its endpoint can do.
type Prober interface {
	// Probe asks with requests that change nothing; with push also with an upload that is given up, and with deletes of what
	// is not there. An answer that cannot be had is unknown, and no error.
	Probe(ctx context.Context, push bool) (Abilities, error)
}

// Ability says whether an endpoint does something.
type Ability string

// The abilities.
const (
	Yes     Ability = "yes"
	No      Ability = "no"
	Unknown Ability = "unknown"
)

// Abilities are what a registry was found to do.
type Abilities struct {
	Registry string   `json:"registry"`
	Origin   string   `json:"origin"` // scheme://host[:port]
	Auth     []string `json:"auth"`   // schemes it asks for, "bearer" and "basic"; none for an open registry

	Tags      Ability `json:"tags"`
	Catalog   Ability `json:"catalog"`
	Referrers Ability `json:"referrers"`
	Ranges    Ability `json:"ranges"` // of blobs
	Digest    Ability `json:"digest"` // told by HEAD

	Push           Ability `json:"push"`
	AnonymousMount Ability `json:"anonymousMount"`
	Chunks         Ability `json:"chunks"`
	ChunkMin       int64   `json:"chunkMin"` // bytes; 0: any
	UploadStatus   Ability `json:"uploadStatus"`
	UploadCancel   Ability `json:"uploadCancel"`
	DeleteManifest Ability `json:"deleteManifest"`
	DeleteTag      Ability `json:"deleteTag"`
	DeleteBlob     Ability `json:"deleteBlob"`

	Why map[string]string `json:"why"` // of those above that are unknown, by their names here: why, in words

	// CORS: which pages may read ("*" or an origin), and which headers they see.
	AllowOrigin   string   `json:"allowOrigin"`
	ExposeHeaders []string `json:"exposeHeaders"`

	RateLimit     int64 `json:"rateLimit"` // requests in the window; 0: none told
	RateRemaining int64 `json:"rateRemaining"`
	RateWindow    int64 `json:"rateWindow"` // seconds
}

// Named are the abilities by their names in JSON.
func (a Abilities) Named() map[string]Ability {
	return map[string]Ability{
		"tags": a.Tags, "catalog": a.Catalog, "referrers": a.Referrers, "ranges": a.Ranges, "digest": a.Digest,
		"push": a.Push, "anonymousMount": a.AnonymousMount, "chunks": a.Chunks, "uploadStatus": a.UploadStatus, "uploadCancel": a.UploadCancel,
		"deleteManifest": a.DeleteManifest, "deleteTag": a.DeleteTag, "deleteBlob": a.DeleteBlob,
	}
}
