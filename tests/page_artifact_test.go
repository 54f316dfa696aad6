package tests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/core/content"
)

const (
	sbomText      = `{"spdxVersion":"SPDX-2.3","name":"harbor"}`
	statementText = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2"}`
)

// attachedTo makes a registry in which oras has attached two files to the bundled image, and has pushed something to the tag that
// cosign would give to a signature of it.
func attachedTo(t *testing.T) string {
	t.Helper()
	_, host := writable(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sbom.spdx.json"), []byte(sbomText))
	write(t, filepath.Join(dir, "notes.txt"), []byte("made for a test\n"))
	for _, args := range [][]string{
		{"cp", "--from-oci-layout", "--to-plain-http", absolute(t, harbor) + ":amd64", host + "/harbor:amd64"},
		{"attach", "--plain-http", "--artifact-type", "application/spdx+json", host + "/harbor:amd64", "sbom.spdx.json:application/spdx+json", "notes.txt:text/plain"},
		{"push", "--plain-http", host + "/harbor:" + content.ReferrersTag(layoutTag(t, "amd64").Digest) + ".sig", "notes.txt:text/plain"},
	} {
		cmd := exec.CommandContext(t.Context(), tool(t, "oras"), args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return host
}

// builtLayout is the bundled layout, and in it an index as BuildKit writes it: an image, and an attestation about it
// (https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md). Its tag is built.
func builtLayout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "built")
	require.NoError(t, os.CopyFS(dir, os.DirFS(harbor)))
	put := func(mediaType string, b []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: int64(len(b))}
		write(t, filepath.Join(dir, "blobs", "sha256", d.Digest.Encoded()), b)
		return d
	}
	statement := put("application/vnd.in-toto+json", []byte(statementText))
	statement.Annotations = map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
	image := layoutTag(t, "amd64")
	image.Platform, image.Annotations = &v1.Platform{OS: "linux", Architecture: "amd64"}, nil
	attestation := put(v1.MediaTypeImageManifest, encode(t, v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: put(v1.MediaTypeImageConfig, []byte(`{"os":"unknown","architecture":"unknown"}`)), Layers: []v1.Descriptor{statement},
	}))
	attestation.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	attestation.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.Digest.String()}
	index := put(v1.MediaTypeImageIndex, encode(t, v1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{image, attestation},
	}))
	index.Annotations = map[string]string{v1.AnnotationRefName: "built"}
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	var all v1.Index
	require.NoError(t, json.Unmarshal(raw, &all))
	all.Manifests = append(all.Manifests, index)
	write(t, filepath.Join(dir, "index.json"), encode(t, all))
	return dir
}

// TestPageArtifacts opens what is attached to images.
func TestPageArtifacts(t *testing.T) {
	dir := builtLayout(t)
	fixtures := t.TempDir()
	write(t, filepath.Join(fixtures, "built.tar"), tarOf(t, os.DirFS(dir)))
	world := map[string]any{
		"dist": absolute(t, "../web/dist"), "fixtures": fixtures, "attached": attachedTo(t), "built": registryOf(t, dir),
		"image": layoutTag(t, "amd64").Digest, "sbom": sbomText, "statement": statementText,
	}
	for _, b := range []struct{ name, program string }{{"chromium", "chromium"}, {"firefox", "firefox-esr"}} {
		t.Run(b.name, func(t *testing.T) {
			runPage(t, "artifacts.test.mjs", b.name, b.program, world)
		})
	}
}
