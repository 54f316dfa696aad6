package oci

import (
	"strconv"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stevedore-oci/stevedore/core/errs"
)

// ParsePlatform reads os/arch[/variant], normalised: linux/aarch64 is linux/arm64, x86_64 is amd64, armhf is arm/v7.
// "windows(10.0.17763)/amd64" names an os.version, as containerd writes it.
func ParsePlatform(s string) (v1.Platform, error) {
	bad := errs.New(errs.Input, s, "is not a platform").Hinted("write os/architecture[/variant], for example linux/arm64/v8")
	if strings.ContainsAny(s, ",; \t\n") {
		return v1.Platform{}, bad.Hinted("one is os/architecture[/variant], as linux/arm64/v8; each of several is named by itself: --platform linux/amd64 --platform linux/arm64")
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return v1.Platform{}, bad
	}
	for _, p := range parts {
		if p == "" {
			return v1.Platform{}, bad
		}
	}
	p := v1.Platform{OS: parts[0], Architecture: parts[1]}
	if name, rest, ok := strings.Cut(p.OS, "("); ok {
		if name == "" || !strings.HasSuffix(rest, ")") {
			return v1.Platform{}, bad
		}
		p.OS, p.OSVersion = name, strings.TrimSuffix(rest, ")")
	}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return Normalize(p), nil
}

// FormatPlatform is os/arch[/variant] as it stands in p, "" for none.
func FormatPlatform(p *v1.Platform) string {
	if p == nil || p.OS == "" && p.Architecture == "" {
		return ""
	}
	s := p.OS
	if p.OSVersion != "" {
		s += "(" + p.OSVersion + ")"
	}
	s += "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Normalize writes a platform as Go and the image specification name it
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#platform-variants); arm64/v8 and amd64/v1
// are what arm64 and amd64 mean, so the variant is left out.
func Normalize(p v1.Platform) v1.Platform {
	p.OS, p.Architecture, p.Variant = strings.ToLower(p.OS), strings.ToLower(p.Architecture), strings.ToLower(p.Variant)
	switch p.Architecture {
	case "i386", "i486", "i586", "i686":
		p.Architecture, p.Variant = "386", ""
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	}
	if v := p.Variant; v != "" && v[0] >= '0' && v[0] <= '9' {
		p.Variant = "v" + v
	}
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	switch {
	case p.Architecture == "arm64" && p.Variant == "v8", p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	case p.Architecture == "arm" && p.Variant == "":
		p.Variant = "v7"
	}
	return p
}

// Match says how well an image for have serves someone who wants want: 0 for not at all, higher for better. It follows
// containerd: an arm machine takes lower variants, arm64 also takes arm v8 to v5, amd64 takes lower levels, 386 for
// neither; for windows the os.version must agree as a prefix where one was asked for.
func Match(want, have v1.Platform) int {
	want, have = Normalize(want), Normalize(have)
	if want.OS != have.OS || !versionMatches(want, have) {
		return 0
	}
	if want.Architecture == have.Architecture {
		w, h := level(want), level(have)
		switch {
		case want.Variant == have.Variant:
			return 1000
		case w >= 0 && h >= 0 && h <= w:
			return 1000 - (w - h)
		}
		return 0
	}
	if want.Architecture == "arm64" && have.Architecture == "arm" {
		if l := level(have); l >= 0 && l <= 80 {
			return 100 + l
		}
	}
	return 0
}

func versionMatches(want, have v1.Platform) bool {
	if want.OS != "windows" || want.OSVersion == "" {
		return true
	}
	return have.OSVersion == want.OSVersion || strings.HasPrefix(have.OSVersion, want.OSVersion+".")
}

// level is the variant as tenths of a number (v8 is 80, v9.2 is 92), that of the bare architecture where there is none,
// -1 for a variant that is no number.
func level(p v1.Platform) int {
	v := p.Variant
	if v == "" {
		switch p.Architecture {
		case "amd64":
			v = "v1"
		case "arm64":
			v = "v8"
		default:
			return -1
		}
	}
	major, minor, _ := strings.Cut(strings.TrimPrefix(v, "v"), ".")
	a, err := strconv.ParseUint(major, 10, 6)
	if err != nil {
		return -1
	}
	b := uint64(0)
	if minor != "" {
		if b, err = strconv.ParseUint(minor, 10, 6); err != nil {
			return -1
		}
	}
	return int(min(a*10+b, 999))
}

// Select picks the child of an index that serves want best; the first of equals wins. Children without a platform or
// for unknown/unknown (attestations) are never picked. The error is of kind not_found and lists what there is.
func Select(x v1.Index, want v1.Platform, subject string) (v1.Descriptor, error) {
	best, score := -1, 0
	var have []string
	for i, c := range x.Manifests {
		if c.Platform == nil || c.Platform.OS == "unknown" {
			continue
		}
		have = append(have, FormatPlatform(c.Platform))
		if s := Match(want, *c.Platform); s > score {
			best, score = i, s
		}
	}
	if best >= 0 {
		return x.Manifests[best], nil
	}
	e := errs.New(errs.NotFound, subject, "has no image for %s", FormatPlatform(&want))
	if len(have) == 0 {
		return v1.Descriptor{}, e.Hinted("none of its %d entries names a platform; give one by digest", len(x.Manifests))
	}
	return v1.Descriptor{}, e.Hinted("it has %s", strings.Join(have, ", "))
}
