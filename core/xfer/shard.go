package xfer

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// Shard is one of several equal parts of a plan, so that any scheduler can spread it over machines that know nothing of each
// other. The zero value is all of it.
type Shard struct{ index, of int }

// ParseShard reads i/n, counted from 1.
func ParseShard(s string) (Shard, error) {
	if s == "" {
		return Shard{}, nil
	}
	i, n, ok := strings.Cut(s, "/")
	a, errA := strconv.Atoi(i)
	b, errB := strconv.Atoi(n)
	if !ok || errA != nil || errB != nil || a < 1 || a > b {
		return Shard{}, errs.New(errs.Input, s, "is not a shard").Hinted("write 2/8 for the second of eight")
	}
	return Shard{a - 1, b}, nil
}

// Has says whether the work of that name is in this part. Every name is in exactly one part of n, the same on every machine.
func (s Shard) Has(name string) bool {
	if s.of <= 1 {
		return true
	}
	sum := sha256.Sum256([]byte(name))
	return int(binary.BigEndian.Uint64(sum[:])%uint64(s.of)) == s.index
}
