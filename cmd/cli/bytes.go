package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errBytes = errors.New("is no number of bytes, like 1500000, 1.5M or 512KiB")

// byteCount is the value of a flag that is a number of bytes, as people write one: 1500000, 1.5M, 512KiB.
type byteCount int64

// Set implements [pflag.Value]. k, M, G and T are powers of 1000, with an i after them powers of 1024; a B at the end means nothing.
func (b *byteCount) Set(text string) error {
	number, step := strings.TrimSuffix(text, "B"), 1000.0
	if n, ok := strings.CutSuffix(number, "i"); ok {
		number, step = n, 1024
	}
	power := -1
	if number != "" {
		power = strings.IndexByte("kMGT", strings.Replace(number, "K", "k", 1)[len(number)-1])
	}
	if power < 0 && step == 1024 {
		return errBytes
	}
	if power >= 0 {
		number = number[:len(number)-1]
	}
	n, err := strconv.ParseFloat(number, 64)
	n *= math.Pow(step, float64(power+1))
	if err != nil || !(math.Abs(n) < math.MaxInt64) || strings.ContainsAny(number, "xXpP_") {
		return errBytes
	}
	*b = byteCount(n)
	return nil
}

// String implements [pflag.Value].
func (b *byteCount) String() string { return strconv.FormatInt(int64(*b), 10) }

// Type implements [pflag.Value].
func (b *byteCount) Type() string { return "bytes" }
