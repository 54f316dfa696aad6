package core

import (
	"context"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Release is the version of this build of Stevedore.
const Release = "0.1.0"

// ABI is the version of the reactor's contract (docs/ABI.md) that this build speaks.
const ABI = 1

// VersionIn is the request of version: nothing.
type VersionIn struct{}

// VersionOut says which build this is.
type VersionOut struct {
	Version string   `json:"version"`
	ABI     int      `json:"abi"`
	Verbs   []string `json:"verbs"`
}

// Version tells which build this is and what it can do.
func Version(ctx context.Context, _ *Env, _ VersionIn) (VersionOut, error) {
	var names []string
	for _, v := range Verbs() {
		names = append(names, v.Name)
	}
	return version(ctx, names)
}

func version(ctx context.Context, verbs []string) (VersionOut, error) {
	if err := ctx.Err(); err != nil {
		return VersionOut{}, errs.Wrap("version", err)
	}
	return VersionOut{Version: Release, ABI: ABI, Verbs: verbs}, nil
}
