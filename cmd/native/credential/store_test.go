package credential_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/credential"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

func TestStoreInFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "config.json")
	s := credential.Store{File: file}
	k := credential.Keychain{Files: []string{file}}
	for registry, user := range map[string]string{"r.example:5000": "a", "docker.io": "b"} {
		where, err := s.Set(t.Context(), registry, user, "p:w")
		require.NoError(t, err)
		require.Equal(t, file, where)
		c, err := k.Credential(t.Context(), registry)
		require.NoError(t, err)
		require.Equal(t, auth.Credential{Username: user, Password: "p:w"}, c)
	}
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(raw), "https://index.docker.io/v1/", "the name by which docker looks it up")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, s.Delete(t.Context(), "docker.io"))
	require.Equal(t, errs.NotFound, errs.Of(s.Delete(t.Context(), "docker.io")))
	c, err := k.Credential(t.Context(), "r.example:5000")
	require.NoError(t, err)
	require.Equal(t, "a", c.Username, "the other one stays")
}

func TestStoreKeepsTheRest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"HttpHeaders":{"a":"<b>"},"auths":{"x.example":{"auth":"YTpi","email":"e"}},"detachKeys":"q"}`), 0o600))
	s := credential.Store{File: file}
	_, err := s.Set(t.Context(), "y.example", "u", "p")
	require.NoError(t, err)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `{"HttpHeaders":{"a":"<b>"},"auths":{"x.example":{"auth":"YTpi","email":"e"},"y.example":{"auth":"dTpw"}},"detachKeys":"q"}`+"\n", string(raw))

	require.NoError(t, os.WriteFile(file, []byte(`{"auths":`), 0o600))
	_, err = s.Set(t.Context(), "y.example", "u", "p")
	require.Equal(t, errs.Input, errs.Of(err), "a broken file is not replaced")
	raw, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `{"auths":`, string(raw))
}

// TestStoreInHelper keeps credentials where the file says, with a helper that writes down what it is given.
func TestStoreInHelper(t *testing.T) {
	dir := t.TempDir()
	helper := "#!/bin/sh\necho \"$1\" >> " + dir + "/calls\ncat >> " + dir + "/given\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "docker-credential-note"), []byte(helper), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	file := filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"credHelpers":{"r.example":"note"}}`), 0o600))
	s := credential.Store{File: file}
	where, err := s.Set(t.Context(), "r.example", "u", "secret")
	require.NoError(t, err)
	require.Equal(t, "docker-credential-note", where)
	given, err := os.ReadFile(filepath.Join(dir, "given"))
	require.NoError(t, err)
	require.JSONEq(t, `{"ServerURL":"r.example","Username":"u","Secret":"secret"}`, string(given))
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
	require.NoError(t, s.Delete(t.Context(), "r.example"))
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	require.Contains(t, string(calls), "store\nerase\n")
}

// TestStoreBehindALink leaves the link where it is.
func TestStoreBehindALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.json"), filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(real, []byte(`{"detachKeys":"x"}`), 0o600))
	if err := os.Symlink(real, link); err != nil {
		t.Logf("this system makes no links: %v", err)
		return
	}
	_, err := credential.Store{File: link}.Set(t.Context(), "r.example", "me", "pw")
	require.NoError(t, err)
	about, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, about.Mode()&os.ModeSymlink, "it is a link still")
	raw, err := os.ReadFile(real)
	require.NoError(t, err)
	require.Contains(t, string(raw), "r.example")
	require.Contains(t, string(raw), "detachKeys")
}
