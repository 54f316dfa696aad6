// Package credential finds the user's registry credentials where Docker and Podman keep them: in files and in credential
// helpers (docker's config.json, containers-auth.json(5)).
package credential

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/stevedore-oci/stevedore/core/errs"
	"github.com/stevedore-oci/stevedore/core/ref"
	"github.com/stevedore-oci/stevedore/transport/registry/auth"
)

// hubKey is what docker login writes for Docker Hub.
const hubKey = "https://index.docker.io/v1/"

// Keychain reads credential files in order and takes the first that has something for a registry.
type Keychain struct {
	// Files are read in order; one that does not exist is no error, unless Required.
	Files    []string
	Required bool
	// Warn is told about a helper that is broken: the registry is then used anonymously, since public images must not need a
	// working helper.
	Warn func(subject, message string)
}

// Default lists the files that Docker and Podman would read, the more specific ones first.
func Default(getenv func(string) string) Keychain {
	var files []string
	add := func(dir string, parts ...string) {
		if dir != "" {
			files = append(files, filepath.Join(append([]string{dir}, parts...)...))
		}
	}
	add(getenv("REGISTRY_AUTH_FILE"))
	add(getenv("DOCKER_CONFIG"), "config.json")
	add(getenv("XDG_RUNTIME_DIR"), "containers", "auth.json")
	home, _ := os.UserHomeDir()
	if config := getenv("XDG_CONFIG_HOME"); config != "" {
		add(config, "containers", "auth.json")
	} else {
		add(home, ".config", "containers", "auth.json")
	}
	add(home, ".docker", "config.json")
	return Keychain{Files: files}
}

type file struct {
	Auths       map[string]entry  `json:"auths"`
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

type entry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// Credential implements auth.Keychain.
func (k Keychain) Credential(ctx context.Context, registry string) (auth.Credential, error) {
	return k.RepositoryCredential(ctx, registry, "")
}

// RepositoryCredential implements auth.RepositoryKeychain.
func (k Keychain) RepositoryCredential(ctx context.Context, registry, repository string) (auth.Credential, error) {
	for _, name := range k.Files {
		raw, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) && !k.Required {
			continue
		}
		if err != nil {
			return auth.Credential{}, errs.New(errs.Input, name, "credential file: %w", err)
		}
		var f file
		if err := json.Unmarshal(raw, &f); err != nil {
			return auth.Credential{}, errs.New(errs.Input, name, "credential file: %w", err)
		}
		if c, ok, err := k.lookup(ctx, f, registry, repository); err != nil || ok {
			return c, errs.Wrap(name, err)
		}
	}
	return auth.Credential{}, nil
}

// lookup asks the helper for the registry, then the file itself, then the helper for everything.
func (k Keychain) lookup(ctx context.Context, f file, registry, repository string) (auth.Credential, bool, error) {
	for _, key := range keys(registry) {
		if h := f.CredHelpers[key]; h != "" {
			if c, ok := k.helper(ctx, h, registry, []string{key}); ok {
				return c, true, nil
			}
		}
	}
	for _, key := range append(parts(registry, repository), keys(registry)...) {
		if e, ok := f.Auths[key]; ok && e != (entry{}) {
			c, err := e.credential(key)
			return c, err == nil, err
		}
	}
	if f.CredsStore != "" {
		if c, ok := k.helper(ctx, f.CredsStore, registry, keys(registry)); ok {
			return c, true, nil
		}
	}
	return auth.Credential{}, false, nil
}

// parts are the forms in which Podman's files name a repository and the namespaces that it is in, the closest first.
func parts(registry, repository string) []string {
	var out []string
	for repository != "" {
		out = append(out, registry+"/"+repository)
		repository = repository[:max(strings.LastIndexByte(repository, '/'), 0)]
	}
	return out
}

// keys are the forms in which files name a registry.
func keys(registry string) []string {
	if registry == ref.HubName {
		return []string{hubKey, ref.HubName, "index.docker.io", ref.HubHost}
	}
	return []string{registry, "https://" + registry, "https://" + registry + "/v1/", "https://" + registry + "/v2/", "http://" + registry}
}

func (e entry) credential(key string) (auth.Credential, error) {
	c := auth.Credential{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return c, nil
	}
	raw, err := base64.StdEncoding.DecodeString(e.Auth)
	user, password, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok {
		return c, errs.New(errs.Input, key, "its auth is not base64 of user:password")
	}
	c.Username, c.Password = user, strings.TrimRight(password, "\x00")
	return c, nil
}

// tokenUser is the user name by which helpers mark an identity token.
const tokenUser = "<token>"

// helperTime is how long a helper may take; some ask the user to unlock a key ring.
const helperTime = time.Minute

// helper is a client.Program that ends with its context.
type helper struct{ *exec.Cmd }

// Input sets what the helper reads.
func (h *helper) Input(in io.Reader) { h.Stdin = in }

// helper asks docker-credential-NAME about each form of the registry's name. One that fails is warned about and passed
// over.
func (k Keychain) helper(ctx context.Context, name, registry string, servers []string) (auth.Credential, bool) {
	program := "docker-credential-" + name
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	for _, server := range servers {
		got, err := client.Get(func(args ...string) client.Program {
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.WaitDelay = time.Second // a child of its own may hold the pipe open for ever
			return &helper{cmd}
		}, server)
		switch {
		case err == nil && got.Username == tokenUser:
			return auth.Credential{IdentityToken: got.Secret}, true
		case err == nil && got.Username != "":
			return auth.Credential{Username: got.Username, Password: got.Secret}, true
		case err != nil && !credentials.IsErrCredentialsNotFound(err):
			if k.Warn != nil {
				k.Warn(registry, fmt.Sprintf("credential helper %s: %v; going on without it", program, err))
			}
			return auth.Credential{}, false
		}
	}
	return auth.Credential{}, false
}
