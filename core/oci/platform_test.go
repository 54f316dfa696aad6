package oci_test

import (
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/oci"
)

func platform(t testing.TB, s string) v1.Platform {
	t.Helper()
	p, err := oci.ParsePlatform(s)
	require.NoError(t, err, s)
	return p
}

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/x86_64": "linux/amd64", "linux/amd64/v1": "linux/amd64", "linux/amd64/v3": "linux/amd64/v3",
		"Linux/aarch64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "linux/arm64/v9": "linux/arm64/v9", "linux/arm64/8": "linux/arm64",
		"linux/arm": "linux/arm/v7", "linux/armhf": "linux/arm/v7", "linux/armel": "linux/arm/v6", "linux/arm/6": "linux/arm/v6",
		"linux/i686": "linux/386", "macos/arm64": "darwin/arm64", "windows(10.0.17763)/amd64": "windows(10.0.17763)/amd64",
		"linux/riscv64": "linux/riscv64", "linux/ppc64le/power9": "linux/ppc64le/power9",
	} {
		p := platform(t, in)
		require.Equal(t, want, oci.FormatPlatform(&p), in)
	}
	for _, bad := range []string{"", "linux", "linux/", "/amd64", "a/b/c/d", "windows(10/amd64", "()/x", "linux//v8", "linux/amd64,linux/arm64", "linux/amd64, linux/arm64"} {
		_, err := oci.ParsePlatform(bad)
		require.Equal(t, errs.Input, errs.Of(err), bad)
		require.NotEmpty(t, errs.HintOf(err))
	}
	require.Empty(t, oci.FormatPlatform(nil))
}

// TestMatch has the rules of containerd's platforms.Only.
func TestMatch(t *testing.T) {
	for want, candidates := range map[string][]string{ // best first; the last is none
		"linux/amd64":               {"linux/amd64", "!linux/amd64/v2", "!linux/arm64", "!linux/386", "!windows/amd64"},
		"linux/amd64/v3":            {"linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "!linux/amd64/v4"},
		"linux/arm64":               {"linux/arm64/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "!linux/arm64/v9", "!linux/amd64"},
		"linux/arm/v7":              {"linux/arm", "linux/arm/v6", "linux/arm/v5", "!linux/arm/v8", "!linux/arm64"},
		"linux/arm/v6":              {"linux/arm/v6", "linux/arm/v5", "!linux/arm/v7"},
		"windows(10.0.17763)/amd64": {"windows(10.0.17763.1)/amd64", "!windows(10.0.1776)/amd64", "!windows(10.0.20348.1)/amd64", "!windows/amd64"},
		"windows/amd64":             {"windows(10.0.17763.1)/amd64", "!linux/amd64"},
		"linux/ppc64le/power9":      {"linux/ppc64le/power9", "!linux/ppc64le/power8"},
	} {
		last := 1 << 30
		for _, c := range candidates {
			if c[0] == '!' {
				require.Zero(t, oci.Match(platform(t, want), platform(t, c[1:])), "%s for %s", c, want)
				continue
			}
			s := oci.Match(platform(t, want), platform(t, c))
			require.Positive(t, s, "%s for %s", c, want)
			require.Less(t, s, last, "%s for %s", c, want)
			last = s
		}
	}
}

func TestSelect(t *testing.T) {
	entry := func(p string) v1.Descriptor {
		if p == "" {
			return v1.Descriptor{}
		}
		x := platform(t, p)
		return v1.Descriptor{Platform: &x}
	}
	x := v1.Index{Manifests: []v1.Descriptor{entry(""), entry("unknown/unknown"), entry("linux/arm/v6"), entry("linux/arm/v7"), entry("linux/amd64")}}
	d, err := oci.Select(x, platform(t, "linux/arm64"), "s")
	require.NoError(t, err)
	require.Equal(t, "v7", d.Platform.Variant)
	_, err = oci.Select(x, platform(t, "linux/s390x"), "s")
	require.Equal(t, errs.NotFound, errs.Of(err))
	require.EqualError(t, err, "s: has no image for linux/s390x")
	require.Equal(t, "it has linux/arm/v6, linux/arm/v7, linux/amd64", errs.HintOf(err))
	_, err = oci.Select(v1.Index{Manifests: []v1.Descriptor{entry("")}}, platform(t, "linux/amd64"), "s")
	require.Contains(t, errs.HintOf(err), "none of its 1 entries names a platform")
}

// FuzzPlatform: what parses says itself again, matches itself, and normalising it changes nothing more.
func FuzzPlatform(f *testing.F) {
	for _, s := range []string{"linux/amd64", "linux/arm/7", "windows(10.0.1)/amd64", "macos/aarch64/v8", "linux/arm64/v9.2", "(/)/x", "a(b)c)/d", "linux/arm/v99999999999999999999", "linux/arm/v7.999999"} {
		f.Add(s, "linux/arm64")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		p, err := oci.ParsePlatform(s)
		if err != nil {
			require.Equal(t, errs.Input, errs.Of(err))
			return
		}
		require.Equal(t, p, oci.Normalize(p))
		require.Positive(t, oci.Match(p, p), "%+v", p)
		again, err := oci.ParsePlatform(oci.FormatPlatform(&p))
		require.NoError(t, err)
		require.Equal(t, p, again)
		if q, err := oci.ParsePlatform(other); err == nil {
			require.GreaterOrEqual(t, oci.Match(p, q), 0)
			require.LessOrEqual(t, oci.Match(p, q), oci.Match(p, p))
		}
	})
}
