package credential_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/stevedore-oci/stevedore/cmd/native/credential"
	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

func write(t testing.TB, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	return path
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// helpers puts credential helpers on the PATH: good has one registry and its identity token, bad fails, mute prints
// nothing of use, hung never ends and leaves a child that holds its output open.
func helpers(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{
		"good": `read server; echo "$server" >> "` + dir + `/asked"
case "$server" in
good.example) echo '{"ServerURL":"good.example","Username":"helped","Secret":"s3cret"}' ;;
token.example) echo '{"Username":"<token>","Secret":"identity"}' ;;
*) echo 'credentials not found in native keychain'; exit 1 ;;
esac`,
		"bad":  `echo 'the key ring is locked'; exit 1`,
		"mute": `echo 'hello'`,
		"hung": `sleep 60 & wait`,
	} {
		write(t, dir, "docker-credential-"+name, "#!/bin/sh\n"+script+"\n", 0o755)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func lookup(t *testing.T, text, registry string) (auth.Credential, []string, error) {
	t.Helper()
	var warnings []string
	k := credential.Keychain{Files: []string{write(t, t.TempDir(), "config.json", text, 0o600)}, Warn: func(subject, message string) {
		warnings = append(warnings, subject+": "+message)
	}}
	c, err := k.Credential(t.Context(), registry)
	return c, warnings, err
}

func TestFiles(t *testing.T) {
	user := auth.Credential{Username: "user", Password: "p:ss"}
	for name, c := range map[string]struct {
		text, registry string
		want           auth.Credential
	}{
		"auth":                {`{"auths":{"r.example":{"auth":"` + b64("user:p:ss") + `"}}}`, "r.example", user},
		"user and password":   {`{"auths":{"r.example":{"username":"user","password":"p:ss"}}}`, "r.example", user},
		"a port":              {`{"auths":{"r.example:5000":{"auth":"` + b64("user:p:ss") + `"}}}`, "r.example:5000", user},
		"a port is not asked": {`{"auths":{"r.example:5000":{"auth":"` + b64("user:p:ss") + `"}}}`, "r.example", auth.Credential{}},
		"an old key":          {`{"auths":{"https://r.example/v1/":{"auth":"` + b64("user:p:ss") + `"}}}`, "r.example", user},
		"Docker Hub":          {`{"auths":{"https://index.docker.io/v1/":{"auth":"` + b64("user:p:ss") + `"}}}`, "docker.io", user},
		"Docker Hub, Podman":  {`{"auths":{"docker.io":{"auth":"` + b64("user:p:ss") + `"}}}`, "docker.io", user},
		"identity token":      {`{"auths":{"r.example":{"auth":"` + b64("00000000-0000-0000-0000-000000000000:") + `","identitytoken":"t"}}}`, "r.example", auth.Credential{Username: "00000000-0000-0000-0000-000000000000", IdentityToken: "t"}},
		"registry token":      {`{"auths":{"r.example":{"registrytoken":"t"}}}`, "r.example", auth.Credential{RegistryToken: "t"}},
		"padded with zeroes":  {`{"auths":{"r.example":{"auth":"` + b64("user:p:ss\x00\x00") + `"}}}`, "r.example", user},
		"an empty entry":      {`{"auths":{"r.example":{}}}`, "r.example", auth.Credential{}},
		"another registry":    {`{"auths":{"other.example":{"auth":"` + b64("user:p:ss") + `"}}}`, "r.example", auth.Credential{}},
		"nothing":             {`{}`, "r.example", auth.Credential{}},
		"other fields":        {`{"HttpHeaders":{"a":"b"},"psFormat":"x","auths":null}`, "r.example", auth.Credential{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := lookup(t, c.text, c.registry)
			require.NoError(t, err)
			require.Empty(t, warnings)
			require.Equal(t, c.want, got)
		})
	}
}

func TestBrokenFilesAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "auths: {}", "empty": "", "auth is not base64": `{"auths":{"r.example":{"auth":"%"}}}`,
		"auth has no colon": `{"auths":{"r.example":{"auth":"` + b64("user") + `"}}}`, "other types": `{"auths":[]}`,
	} {
		_, _, err := lookup(t, text, "r.example")
		require.Equal(t, errs.Input, errs.Of(err), name)
		require.ErrorContains(t, err, "config.json: ", name)
		require.NotContains(t, err.Error(), b64("user"), "a secret is not shown")
	}
	_, err := credential.Keychain{Files: []string{"/nowhere/auth.json"}}.Credential(t.Context(), "r.example")
	require.NoError(t, err, "one of the usual places may be empty")
	_, err = credential.Keychain{Files: []string{"/nowhere/auth.json"}, Required: true}.Credential(t.Context(), "r.example")
	require.Equal(t, errs.Input, errs.Of(err), "a file that was named must be there")
}

func TestHelpers(t *testing.T) {
	helpers(t)
	for name, c := range map[string]struct {
		text, registry string
		want           auth.Credential
		warning        string
	}{
		"for the registry":        {`{"credHelpers":{"good.example":"good"}}`, "good.example", auth.Credential{Username: "helped", Password: "s3cret"}, ""},
		"for all":                 {`{"credsStore":"good","auths":{"good.example":{}}}`, "good.example", auth.Credential{Username: "helped", Password: "s3cret"}, ""},
		"an identity token":       {`{"credsStore":"good"}`, "token.example", auth.Credential{IdentityToken: "identity"}, ""},
		"has nothing":             {`{"credsStore":"good"}`, "none.example", auth.Credential{}, ""},
		"its own before the file": {`{"credHelpers":{"good.example":"good"},"auths":{"good.example":{"auth":"` + b64("a:b") + `"}}}`, "good.example", auth.Credential{Username: "helped", Password: "s3cret"}, ""},
		"the file before all":     {`{"credsStore":"good","auths":{"good.example":{"auth":"` + b64("a:b") + `"}}}`, "good.example", auth.Credential{Username: "a", Password: "b"}, ""},
		"broken":                  {`{"credsStore":"bad"}`, "r.example", auth.Credential{}, "r.example: credential helper docker-credential-bad: "},
		"broken, for Docker Hub":  {`{"credsStore":"bad"}`, "docker.io", auth.Credential{}, "docker.io: credential helper docker-credential-bad: "},
		"broken, but in the file": {`{"credHelpers":{"r.example":"bad"},"auths":{"r.example":{"auth":"` + b64("a:b") + `"}}}`, "r.example", auth.Credential{Username: "a", Password: "b"}, "docker-credential-bad"},
		"not installed":           {`{"credsStore":"missing"}`, "r.example", auth.Credential{}, "docker-credential-missing"},
		"says nothing of use":     {`{"credsStore":"mute"}`, "r.example", auth.Credential{}, "docker-credential-mute"},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := lookup(t, c.text, c.registry)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			if c.warning == "" {
				require.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1, "once, not for every form of the name")
			require.Contains(t, warnings[0], c.warning)
			require.Contains(t, warnings[0], "going on without")
		})
	}
}

// TestAHungHelperIsLeft: it ends with the context, even when a child of its own holds the pipe.
func TestAHungHelperIsLeft(t *testing.T) {
	helpers(t)
	k := credential.Keychain{Files: []string{write(t, t.TempDir(), "c.json", `{"credsStore":"hung"}`, 0o600)}}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	done := make(chan struct{})
	go func() {
		_, _ = k.Credential(ctx, "r.example")
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("the helper is waited for")
	}
}

func TestOrderOfFiles(t *testing.T) {
	dir := t.TempDir()
	entry := func(user string) string { return `{"auths":{"r.example":{"auth":"` + b64(user+":x") + `"}}}` }
	env := map[string]string{
		"REGISTRY_AUTH_FILE": filepath.Join(dir, "auth.json"), "DOCKER_CONFIG": filepath.Join(dir, "docker"),
		"XDG_RUNTIME_DIR": filepath.Join(dir, "run"), "XDG_CONFIG_HOME": filepath.Join(dir, "config"),
	}
	t.Setenv("HOME", filepath.Join(dir, "home"))
	places := []string{"auth.json", "docker/config.json", "run/containers/auth.json", "config/containers/auth.json", "home/.docker/config.json"}
	for i := len(places) - 1; i >= 0; i-- {
		write(t, dir, places[i], entry(places[i]), 0o600)
		c, err := credential.Default(func(k string) string { return env[k] }).Credential(t.Context(), "r.example")
		require.NoError(t, err)
		require.Equal(t, places[i], c.Username)
	}
	write(t, dir, "auth.json", `{}`, 0o600)
	c, err := credential.Default(func(k string) string { return env[k] }).Credential(t.Context(), "r.example")
	require.NoError(t, err)
	require.Equal(t, "docker/config.json", c.Username, "a file without the registry does not end the search")
	write(t, dir, "home/.config/containers/auth.json", entry("old place"), 0o600)
	c, err = credential.Default(func(string) string { return "" }).Credential(t.Context(), "r.example")
	require.NoError(t, err)
	require.Equal(t, "old place", c.Username)
}

// TestNamespaces: Podman's files may have several credentials for one registry.
func TestNamespaces(t *testing.T) {
	text := `{"auths":{"r.example":{"auth":"` + b64("all:x") + `"},"r.example/team":{"auth":"` + b64("team:x") + `"},"r.example/team/app":{"auth":"` + b64("app:x") + `"}}}`
	k := credential.Keychain{Files: []string{write(t, t.TempDir(), "auth.json", text, 0o600)}}
	for repository, want := range map[string]string{"team/app": "app", "team/app/sub": "app", "team/application": "team", "team": "team", "teams": "all", "": "all"} {
		c, err := k.RepositoryCredential(t.Context(), "r.example", repository)
		require.NoError(t, err)
		require.Equal(t, want, c.Username, repository)
	}
	c, err := k.RepositoryCredential(t.Context(), "other.example", "team/app")
	require.NoError(t, err)
	require.Zero(t, c)
}

var _ auth.RepositoryKeychain = credential.Keychain{}

// FuzzFile: whatever is in a credential file, it is a credential, none, or an error of kind input that shows no secret.
func FuzzFile(f *testing.F) {
	for _, s := range []string{
		`{"auths":{"r.example":{"auth":"` + b64("secret:secret") + `"}}}`, `{"auths":{"r.example":{"auth":"c2VjcmV0"}}}`, `{"auths":{"https://r.example/v1/":{"username":"u"}}}`,
		`{"auths":{"r.example/team/app":{"auth":"` + b64("a:b") + `"}}}`, `{"auths":{"r.example":null}}`, `[]`, ``,
	} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		var helpers struct {
			CredsStore  any
			CredHelpers any
		}
		if json.Unmarshal([]byte(text), &helpers) == nil && (helpers.CredsStore != nil || helpers.CredHelpers != nil) {
			return // runs no programs
		}
		k := credential.Keychain{Files: []string{write(t, dir, "f.json", text, 0o600)}}
		for _, registry := range []string{"r.example", "docker.io", ""} {
			_, err := k.RepositoryCredential(t.Context(), registry, "team/app")
			if err != nil {
				require.Equal(t, errs.Input, errs.Of(err))
				require.False(t, strings.Contains(err.Error(), "secret"), "%v", err)
			}
		}
	})
}
