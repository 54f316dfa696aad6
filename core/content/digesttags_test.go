package content_test

import (
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
)

// TestDigestTagNames: a SHA-512 digest is longer than a tag can be, and a registry would call the name wrong.
func TestDigestTagNames(t *testing.T) {
	tag := "sha256-" + digest.FromString("x").Encoded()
	require.Equal(t, []string{tag + ".sig", tag + ".att", tag + ".sbom"}, content.DigestTagNames(digest.FromString("x")))
	require.Empty(t, content.DigestTagNames(digest.SHA512.FromString("x")))
}
